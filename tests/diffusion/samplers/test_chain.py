"""Chains against closed forms: on a Gaussian the samples have its mean and covariance."""

from dataclasses import replace

import pytest
import torch

from drl.diffusion.samplers.chain import ChainOptions, calls, run_chain
from drl.diffusion.samplers.noise import STEPS_AT_ONCE, ImageNoise
from drl.diffusion.samplers.steps import Grid
from drl.diffusion.sde import VE, VP
from tests.diffusion.samplers.gaussian import DEVIATION, MEAN, SHAPE, at_time, exact_score, sample

SDES = [VE(), VP()]
PREDICTORS = ["reverse_diffusion", "euler_maruyama"]
CORRECTED, PLAIN = ChainOptions(), ChainOptions(corrector="none")
N = 3000


def assert_gaussian(x, bias=0.0):
    """Mean and covariance within five standard errors and the relative bias that a coarse grid leaves."""
    flat, mean, deviation = x.flatten(1).double(), MEAN.flatten().double(), DEVIATION.flatten().double()
    error = (flat.mean(0) - mean).abs() / deviation
    assert (error < 5 / N**0.5 + bias).all(), error
    covariance = torch.cov(flat.T) / torch.outer(deviation, deviation)
    assert (covariance - torch.eye(36, dtype=torch.float64)).abs().max() < 5 * (2 / N) ** 0.5 + 2 * bias, covariance


@pytest.mark.parametrize("options", [PLAIN, CORRECTED], ids=["predictor", "with corrector"])
@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
@pytest.mark.parametrize("t_init", [1.0, 0.6])
def test_samples_of_a_gaussian_have_its_mean_and_covariance(sde, predictor, options, t_init):
    # The last step's noise is kept: without it the smallest deviation would come out smaller by what epsilon leaves.
    options = replace(options, predictor=predictor, denoise=False)
    assert_gaussian(sample(sde, N, 300, options, t_init), bias=0.06)


def test_more_steps_bring_the_covariance_nearer():
    def fault(steps):
        x = sample(VE(), N, steps, replace(PLAIN, denoise=False)).flatten(1)
        return float((x.std(0) / DEVIATION.flatten() - 1).abs().max())

    assert fault(400) < 0.05 < fault(25)


@pytest.mark.parametrize("options", [PLAIN, CORRECTED])
def test_a_sample_depends_neither_on_its_batch_nor_on_who_joins_it(options):
    sde, grid, times = VE(), Grid(VE(), 40, 1e-5), [1.0, 1.0, 0.71, 0.5, 0.5]

    def batch(members):
        noise = ImageNoise([100 + member for member in members], SHAPE, torch.device("cpu"), options.draws)
        start = torch.cat([at_time(sde, times[k], row[None]) for k, row in zip(members, noise.start(), strict=True)])
        return run_chain(exact_score(sde), grid, start, [times[k] for k in members], noise, None, options)

    together = batch(range(5))
    alone = torch.cat([batch([member]) for member in range(5)])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-6)
    assert torch.allclose(together[[1, 4]], batch([1, 4]), rtol=1e-4, atol=1e-6)


def test_the_authors_corrector_depends_on_the_batch():
    options = replace(CORRECTED, corrector_norm="batch")
    assert not torch.allclose(sample(VE(), 8, 40, options)[:4], sample(VE(), 4, 40, options), rtol=1e-3)


STEPS = 60
# Chains that begin together, that join within a block of noise, at the boundary of two, and after the last state.
TIMES = [1.0, 1.0, 0.9, 0.5, 1 - 32 / STEPS, 0.1]


class Batch:
    """A batch of chains of which any part can be run; counts its calls of the score."""

    def __init__(self, sde, options, times):
        self.sde, self.options, self.times, self.calls = sde, options, times, 0
        self.states = []

    def run(self, resume=None, calls=10**9):
        """Run the batch, or what is left of it; break off after so many calls of the score."""
        exact, self.calls, self.states = exact_score(self.sde), 0, []

        def score(x, t, z):
            self.calls += 1
            if self.calls > calls:
                raise KeyboardInterrupt
            return exact(x, t) * (1 + 0.1 * z[:, :, None, None])

        noise = ImageNoise(range(100, 100 + len(self.times)), SHAPE, torch.device("cpu"), self.options.draws)
        start, z = 20 * noise.start(), torch.linspace(-1, 1, len(self.times))[:, None]
        grid, keep = Grid(self.sde, STEPS, 1e-3), lambda state: self.states.append(state())
        return run_chain(score, grid, start, self.times, noise, z, self.options, resume=resume, keep=keep)


def same(one, other):
    assert one.step == other.step
    assert all(torch.equal(getattr(one, name), getattr(other, name)) for name in ("x", "mean", "noise"))


EVERY_KIND = [
    replace(options, predictor=predictor, corrector_norm=norm, denoise=denoise)
    for predictor in PREDICTORS
    for options, norm, denoise in ((PLAIN, "image", True), (CORRECTED, "image", False), (CORRECTED, "batch", True))
]


@pytest.mark.parametrize("times", [TIMES, [0.7, 0.6], [1.0]], ids=["some join", "all later", "alone"])
@pytest.mark.parametrize("options", EVERY_KIND, ids=str)
@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
def test_a_chain_that_was_broken_off_goes_on_as_if_nothing_had_been(sde, options, times):
    batch, other = Batch(sde, options, times), Batch(sde, options, times)
    whole, states = batch.run(), batch.states
    first = min(Grid(sde, STEPS, 1e-3).first_step(t) for t in times)
    assert [state.step for state in states] == [s for s in (16, 32, 48) if s > first]
    assert batch.calls == options.draws * (STEPS - first)
    for k, state in enumerate(states):
        # Broken off in the middle of the next block, within a step where there are two calls.
        done = options.draws * (state.step - first)
        with pytest.raises(KeyboardInterrupt):
            other.run(calls=done + options.draws * 5 + 1)
        for found, expected in zip(other.states, states[: k + 1], strict=True):
            same(found, expected)
        assert torch.equal(other.run(resume=other.states[k]), whole)
        assert other.calls == batch.calls - done, "no step is made twice, none is left out"
        for found, expected in zip(other.states, states[k + 1 :], strict=True):
            same(found, expected)


def test_a_chain_can_be_broken_off_again_and_again():
    batch = Batch(VE(), CORRECTED, TIMES)
    whole, state, runs = batch.run(), None, 0
    while True:
        try:
            # Enough for one block of steps and a little more.
            found = batch.run(state, calls=2 * STEPS_AT_ONCE + 3)
            break
        except KeyboardInterrupt:
            runs, state = runs + 1, batch.states[-1]
    assert torch.equal(found, whole)
    assert runs == 3


def test_whoever_goes_on_has_made_a_step_before_the_next_state():
    """Else a job with little time would save the same state again and again."""
    batch = Batch(VE(), CORRECTED, TIMES)
    batch.run()
    first, *later = batch.states
    batch.run(resume=first)
    assert [state.step for state in batch.states] == [state.step for state in later]


def test_a_state_is_left_as_it_was():
    batch = Batch(VE(), PLAIN, TIMES)
    whole = batch.run()
    state = batch.states[0]
    x, mean, noise = state.x.clone(), state.mean.clone(), state.noise.clone()
    batch.run(resume=state)
    assert torch.equal(state.x, x)
    assert torch.equal(state.mean, mean)
    assert torch.equal(state.noise, noise)
    assert torch.equal(batch.run(resume=state), whole)


def test_states_are_made_only_where_they_are_asked_for():
    """A state is a copy of the batch and of all generators."""
    noise = ImageNoise([1], SHAPE, torch.device("cpu"), 1)
    start, made = noise.start(), []
    noise.state = lambda: made.append(1)
    run_chain(exact_score(VE()), Grid(VE(), STEPS, 1e-3), start, [1.0], noise, None, PLAIN, keep=lambda state: None)
    assert not made


def test_codes_reach_the_score_of_their_own_image():
    seen = []

    def score(x, t, z):
        seen.append((len(x), z.flatten().tolist()))
        return -x

    noise = ImageNoise([1, 2, 3], SHAPE, torch.device("cpu"), 1)
    start, z = noise.start(), torch.tensor([[1.0], [2.0], [3.0]])
    run_chain(score, Grid(VE(), 4, 1e-3), start, [1.0, 0.5, 0.5], noise, z, PLAIN)
    assert seen == [(1, [1.0]), (1, [1.0]), (3, [1.0, 2.0, 3.0]), (3, [1.0, 2.0, 3.0])]
    assert calls(Grid(VE(), 4, 1e-3), [1.0, 0.5, 0.5], PLAIN) == (4, 8)
    assert calls(Grid(VE(), 4, 1e-3), [0.5], CORRECTED) == (2, 4)


def test_denoising_leaves_out_the_last_noise():
    noisy, clean = (sample(VE(), 4, 30, replace(PLAIN, denoise=value)) for value in (False, True))
    last = Grid(VE(), 30, 1e-3).scales[1][-1] ** 0.5
    assert 0 < (noisy - clean).abs().max() < 6 * last


def test_the_input_is_left_as_it_was():
    noise = ImageNoise([1], SHAPE, torch.device("cpu"), 1)
    start = noise.start()
    before = start.clone()
    run_chain(exact_score(VE()), Grid(VE(), 5, 1e-3), start, [1.0], noise, None, PLAIN)
    assert torch.equal(start, before)
