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
MEAN_IMAGE = torch.linspace(0.1, 0.9, tiny.SIZE**2).reshape(1, tiny.SIZE, tiny.SIZE)


def wanted(n=7, codes=True):
    starts, priors = (1.0, 0.5, 0.8), ("gaussian", "uniform_gaussian", "mean_image", "gaussian")
    return [Wanted(image_seed(0, "test", k), k % 3 if codes else None, starts[k % 3], priors[k % 4]) for k in range(n)]


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
    together = draw(drl, sampler, wanted(), CPU, CODES, mean_image=MEAN_IMAGE)
    assert together.shape == (7, 1, tiny.SIZE, tiny.SIZE)
    assert together.dtype == torch.uint8
    monkeypatch.setitem(module.BATCH, "cpu", 2)
    parts = draw(drl, sampler, wanted(), CPU, CODES, mean_image=MEAN_IMAGE)
    # One step of rounding to bytes at most: batches of other sizes add up in another order.
    assert (together.int() - parts.int()).abs().max() <= 1
    # The third batch holds chains from 0.5 and 0.8 alone, and 0.8 skips floor(0.2 * 12) steps.
    assert steps_by_batch(drl, sampler, wanted(), CPU) == [12, 12, 10, 12]


def test_samples_differ_by_seed_code_and_prior(drl):
    one = Wanted(1, 0, 0.5)
    others = [Wanted(2, 0, 0.5), Wanted(1, 1, 0.5), Wanted(1, 0, 0.8)]
    others += [Wanted(1, 0, 0.5, "uniform_gaussian"), Wanted(1, 0, 0.5, "mean_image")]
    images = draw(drl, SAMPLER, [one, one, *others], CPU, CODES, mean_image=MEAN_IMAGE)
    assert torch.equal(images[0], images[1])
    for image in images[2:]:
        assert not torch.equal(image, images[0])


def test_an_interrupted_job_goes_on_with_the_same_images(drl, monkeypatch):
    monkeypatch.setitem(module.BATCH, "cpu", 3)
    whole, kept, count = draw(drl, SAMPLER, wanted(), CPU, CODES, mean_image=MEAN_IMAGE), [], 0

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
            mean_image=MEAN_IMAGE,
            advance=stop_in_the_third_batch,
            journal=Journal(keep=kept.insert),
        )
    assert len(kept) == 2
    assert torch.equal(
        draw(drl, SAMPLER, wanted(), CPU, CODES, mean_image=MEAN_IMAGE, journal=Journal(done=kept)), whole
    )


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
            mean_image=MEAN_IMAGE,
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
    asked = draw(drl, SAMPLER, wanted(), CPU, CODES, mean_image=MEAN_IMAGE, batch_size=size)
    steps = steps_by_batch(drl, SAMPLER, wanted(), CPU, size)
    monkeypatch.setitem(module.BATCH, "cpu", size)
    assert torch.equal(asked, draw(drl, SAMPLER, wanted(), CPU, CODES, mean_image=MEAN_IMAGE))
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


def first_x(method, wish, monkeypatch, **more):
    """Return x where all chains of a batch begin, and the time there."""
    seen = []

    def spy(self, x, t, z):
        seen.append((x.clone(), float(t[0])))
        return -x

    monkeypatch.setattr(type(method), "score", spy)
    # Under VP a grid of fewer than 20 steps has no real square root of 1 - beta.
    draw(method, SamplerSettings(steps=40, corrector="none"), wish, CPU, batch_size=len(wish), **more)
    return seen[0]


@pytest.mark.parametrize("pixels", ["standardised", "unit", "symmetric"])
@pytest.mark.parametrize(("sde", "t_init"), [("ve", 0.5), ("ve", 0.8), ("vp", 0.3), ("vp", 0.6)])
def test_x_has_the_mean_and_the_deviation_of_the_mean_image_prior(monkeypatch, sde, t_init, pixels):
    """The mean image in the recipe's scaled pixels, scaled down by m(t) under VP."""
    network = tiny.SCORE | ({} if sde == "ve" else {"embedding": "positional", "scale_by_sigma": False})
    n, method = 1500, tiny.method("unconditional", sde={"kind": sde}, score=network, pixels=pixels).eval()
    wish = [Wanted(k, None, t_init, "mean_image") for k in range(n)]
    x, t = first_x(method, wish, monkeypatch, mean_image=MEAN_IMAGE)
    m = 1 if sde == "ve" else math.exp(-(t**2) * 19.9 / 4 - 0.05 * t)
    std = 0.01 * 5000**t if sde == "ve" else math.sqrt(1 - m**2)
    scaled = {"standardised": (MEAN_IMAGE - 0.5) / 0.25, "unit": MEAN_IMAGE, "symmetric": 2 * MEAN_IMAGE - 1}[pixels]
    assert ((x.mean(0) - m * scaled).abs() < 5 * std / n**0.5).all()
    assert ((x.std(0) / std - 1).abs() < 5 / (2 * n) ** 0.5).all()


def test_the_mean_image_changes_the_start_and_not_the_noise_and_only_of_its_own_chains(unconditional, monkeypatch):
    kinds = ("mean_image", "gaussian", "uniform_gaussian", "mean_image")
    wish = [Wanted(k, None, 0.6, kind) for k, kind in enumerate(kinds)]
    plain = [Wanted(k, None, 0.6, "gaussian" if kind == "mean_image" else kind) for k, kind in enumerate(kinds)]
    around, without = (first_x(unconditional, some, monkeypatch, mean_image=MEAN_IMAGE)[0] for some in (wish, plain))
    assert torch.equal(around[1:3], without[1:3])
    for k in (0, 3):
        assert torch.allclose(around[k] - without[k], (MEAN_IMAGE - 0.5) / 0.25, atol=1e-5)


def test_an_unconditional_model_needs_no_codes(unconditional):
    images = draw(unconditional, SAMPLER, wanted(codes=False), CPU, mean_image=MEAN_IMAGE)
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


def test_a_missing_mean_image_is_one_line_before_any_step(unconditional):
    wish = [Wanted(0), Wanted(1, None, 0.5, "mean_image")]
    message = "prior mean_image needs the mean of the training images; give it as mean_image"
    with pytest.raises(UserError, match=f"^{message}$"):
        draw(unconditional, SAMPLER, wish, CPU, advance=lambda: pytest.fail("a step was made"))


def test_a_sample_that_is_not_finite_is_named(drl, monkeypatch):
    monkeypatch.setattr(drl, "score", lambda x, t, z: x * torch.nan)
    with pytest.raises(UserError, match="a sample is not finite"):
        draw(drl, SAMPLER, wanted(2), CPU, CODES)
