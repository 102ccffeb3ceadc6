"""Samples of real, tiny models: independent of batches, resumable, and bad requests in one line."""

import math
import re

import pytest
import torch

from drl.config.sampling import SamplerSettings
from drl.diffusion.samplers.noise import ImageNoise
from drl.errors import UserError
from drl.evaluation import sampling as module
from drl.evaluation.sampling import Journal, Wanted, draw, image_seed, steps_by_batch
from drl.jobs.device import place
from tests import tiny

CPU = place("cpu", "fp32", "off", 1)
SAMPLER = SamplerSettings(steps=12)
CODES = torch.linspace(-1, 1, 3 * 64).reshape(3, 64)


def wanted(n=7, codes=True):
    starts, priors = (1.0, 0.5, 0.8), ("gaussian", "uniform_gaussian")
    return [Wanted(image_seed(0, "test", k), k % 3 if codes else None, starts[k % 3], priors[k % 2]) for k in range(n)]


@pytest.fixture(scope="module")
def drl():
    return tiny.method("drl").eval()


@pytest.fixture(scope="module")
def unconditional():
    return tiny.method("unconditional").eval()


@pytest.mark.parametrize(
    "sampler", [SAMPLER, SAMPLER.model_copy(update={"predictor": "euler_maruyama", "corrector": "none"})]
)
def test_samples_do_not_depend_on_the_batch(drl, monkeypatch, sampler):
    together = draw(drl, sampler, wanted(), CPU, CODES)
    assert together.shape == (7, 1, tiny.SIZE, tiny.SIZE)
    assert together.dtype == torch.uint8
    monkeypatch.setitem(module.BATCH, "cpu", 2)
    parts = draw(drl, sampler, wanted(), CPU, CODES)
    # One step of rounding to bytes at most: batches of other sizes add up in another order.
    assert (together.int() - parts.int()).abs().max() <= 1
    # The third batch holds chains from 0.5 and 0.8 alone, and 0.8 skips floor(0.2 * 12) steps.
    assert steps_by_batch(drl, sampler, wanted(), CPU) == [12, 12, 10, 12]


def test_samples_differ_by_seed_code_and_prior(drl):
    one = Wanted(1, 0, 0.5)
    others = [Wanted(2, 0, 0.5), Wanted(1, 1, 0.5), Wanted(1, 0, 0.8), Wanted(1, 0, 0.5, "uniform_gaussian")]
    images = draw(drl, SAMPLER, [one, one, *others], CPU, CODES)
    assert torch.equal(images[0], images[1])
    for image in images[2:]:
        assert not torch.equal(image, images[0])


def test_an_interrupted_job_goes_on_with_the_same_images(drl, monkeypatch):
    monkeypatch.setitem(module.BATCH, "cpu", 3)
    whole, kept, count = draw(drl, SAMPLER, wanted(), CPU, CODES), [], 0

    def stop_in_the_third_batch():
        nonlocal count
        count += 1
        if count > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(
            drl,
            SAMPLER,
            wanted(),
            CPU,
            CODES,
            advance=stop_in_the_third_batch,
            journal=Journal(keep=kept.insert),
        )
    assert len(kept) == 2
    assert torch.equal(draw(drl, SAMPLER, wanted(), CPU, CODES, journal=Journal(done=kept)), whole)


KINDS = [
    {"predictor": "reverse_diffusion", "corrector": "langevin"},
    {"predictor": "euler_maruyama", "corrector": "none"},
]
LONGER = 34


class Broken:
    """A job of several batches that is broken off at a step, and what it has left."""

    def __init__(self, method, sampler, size):
        self.method, self.sampler, self.size = method, sampler, size
        self.done, self.parts, self.steps = [], [], 0

    def draw(self, journal, steps=10**9):
        self.steps = 0

        def advance():
            self.steps += 1
            if self.steps > steps:
                raise KeyboardInterrupt

        return draw(
            self.method,
            self.sampler,
            wanted(),
            CPU,
            CODES,
            advance=advance,
            journal=journal,
            batch_size=self.size,
        )

    def left(self, steps):
        """Break it off; return what is left, of which the last state of a batch counts."""
        self.done, self.parts = [], []

        def keep_part(number, state):
            self.parts.append((number, state()))

        with pytest.raises(KeyboardInterrupt):
            self.draw(Journal(keep=self.done.insert, keep_part=keep_part), steps)
        number, part = self.parts[-1]
        return Journal(self.done, part=part if number == len(self.done) else None)


@pytest.mark.parametrize("changes", KINDS, ids=["corrected", "plain"])
def test_a_job_that_was_broken_off_within_a_batch_goes_on_with_the_same_images(drl, changes):
    sampler = SAMPLER.model_copy(update={**changes, "steps": LONGER})
    job = Broken(drl, sampler, 4)
    whole, in_all = job.draw(Journal()), 2 * LONGER
    assert job.steps == in_all == sum(steps_by_batch(drl, sampler, wanted(), CPU, 4))
    # In the first batch, late in the second, and in the second before it has a state; chains join at steps 7 and 17.
    for broken_off, whole_batches, saved in ((18, 0, 16), (in_all - 1, 1, LONGER + 32), (LONGER + 9, 1, LONGER)):
        journal = job.left(broken_off)
        assert (len(journal.done), journal.part is None) == (whole_batches, saved == LONGER)
        assert torch.equal(job.draw(journal), whole)
        assert job.steps == in_all - saved, "no step is made twice, none is left out"


def test_states_tell_their_batch_and_step(drl):
    job = Broken(drl, SAMPLER.model_copy(update={"steps": LONGER, "corrector": "none"}), 4)
    job.left(LONGER + 17)
    assert [(number, state.step) for number, state in job.parts] == [(0, 16), (0, 32), (1, 16)]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_images_a_batch_can_be_chosen(drl, monkeypatch, size):
    asked = draw(drl, SAMPLER, wanted(), CPU, CODES, batch_size=size)
    steps = steps_by_batch(drl, SAMPLER, wanted(), CPU, size)
    monkeypatch.setitem(module.BATCH, "cpu", size)
    assert torch.equal(asked, draw(drl, SAMPLER, wanted(), CPU, CODES))
    assert steps == steps_by_batch(drl, SAMPLER, wanted(), CPU)
    assert len(steps) == -(-7 // size)


@pytest.mark.parametrize("t_init", [1.0, 0.5, 0.37])
def test_a_chain_begins_with_the_noise_of_the_grids_own_time(unconditional, monkeypatch, t_init):
    """On a coarse grid another than t_init, and the network is told the grid's."""
    seen, score = [], type(unconditional).score

    def spy(self, x, t, z):
        seen.append((x.clone(), t.clone()))
        return score(self, x, t, z)

    monkeypatch.setattr(type(unconditional), "score", spy)
    draw(unconditional, SAMPLER, [Wanted(5, None, t_init)], CPU)
    first = math.floor((1 - t_init) * 12 + 1e-9)
    t = 1 - first * (1 - 1e-5) / 11
    x, told = seen[0]
    assert float(told) == pytest.approx(t)
    noise = ImageNoise([5], x.shape[1:], torch.device("cpu"), 2).start()
    assert torch.allclose(x, 0.01 * 5000**t * noise, rtol=1e-4)
    assert t_init == 1 or t != pytest.approx(t_init, rel=0.01), "they must differ, or this shows nothing"


def test_an_unconditional_model_needs_no_codes(unconditional):
    images = draw(unconditional, SAMPLER, wanted(codes=False), CPU)
    assert images.shape == (7, 1, tiny.SIZE, tiny.SIZE)


def test_uniform_pixels_can_be_one_a_channel(unconditional):
    wish = [Wanted(k, None, 0.05, "uniform_gaussian") for k in range(4)]
    few = SAMPLER.model_copy(update={"corrector": "none"})
    flat = draw(unconditional, few, wish, CPU, uniform="per_image_channel").float()
    rough = draw(unconditional, few, wish, CPU, uniform="per_pixel").float()
    assert flat.flatten(1).std(1).mean() < rough.flatten(1).std(1).mean()


@pytest.mark.parametrize(
    ("kind", "codes", "t_init", "message"),
    [
        ("drl", CODES[:, :9], 1.0, "the model's codes have 64 entries, but there are codes of 9 entries"),
        ("drl", None, 1.0, "the model's codes have 64 entries, but there are none"),
        ("unconditional", CODES, 1.0, "an unconditional model takes no codes"),
        ("ae", CODES, 1.0, "method ae has no score network"),
        ("simclr", CODES, 1.0, "method simclr has no score network"),
        ("drl", CODES, 0.0, "t_init is 0.0; it must be above 0 and at most 1"),
        ("drl", CODES, 1.5, "t_init is 1.5; it must be above 0 and at most 1"),
    ],
)
def test_bad_requests_are_one_line(kind, codes, t_init, message):
    with pytest.raises(UserError, match=re.escape(message)):
        draw(tiny.method(kind).eval(), SAMPLER, [Wanted(0, 0, t_init)], CPU, codes)


def test_a_sample_that_is_not_finite_is_named(drl, monkeypatch):
    monkeypatch.setattr(drl, "score", lambda x, t, z: x * torch.nan)
    with pytest.raises(UserError, match="a sample is not finite"):
        draw(drl, SAMPLER, wanted(2), CPU, CODES)
