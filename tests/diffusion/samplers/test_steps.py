"""Single steps against formulas written out entry by entry, and the discrete chain against the continuous SDE."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.diffusion.samplers.steps import Grid, euler_maruyama, langevin, reverse_diffusion
from drl.diffusion.sde import VE, VP

X = torch.tensor([[[[0.3, -1.0], [2.0, 0.1]]], [[[1.5, 0.2], [-0.7, 0.4]]]])
SCORE, NOISE = torch.sin(X) - 0.2, torch.cos(3 * X)


def test_grid_of_the_paper():
    grid = Grid(VE(), 1000, 1e-5)
    assert len(grid.times) == 1000
    assert (float(grid.times[0]), float(grid.times[-1])) == pytest.approx((1.0, 1e-5))
    # Level k = floor(t (N - 1)), as the authors' code finds it, is N - 1 - step.
    levels = (grid.times * 999).floor().long().tolist()
    sigmas = [0.01 * 5000 ** (k / 999) for k in range(1000)]
    for step in (0, 1, 500, 998, 999):
        k = levels[step]
        assert k == 999 - step
        expected = sigmas[k] ** 2 - (sigmas[k - 1] ** 2 if k else 0)
        assert float(grid.scales[1][step]) == pytest.approx(expected)


@pytest.mark.parametrize("steps", [20, 1000])
def test_the_discrete_ve_chain_ends_at_sigma_max(steps):
    assert float(Grid(VE(), steps, 1e-5).scales[1].sum()) == pytest.approx(50.0**2)


def test_the_discrete_vp_chain_follows_the_kernel():
    sde, grid = VP(), Grid(VP(), 1000, 1e-3)
    t = torch.ones(1, dtype=torch.float64)
    assert float(grid.scales[0].prod()) == pytest.approx(float(sde.mean_factor(t)), rel=0.06)


@given(t_init=st.floats(0.001, 1.0), steps=st.integers(2, 2000))
def test_first_step_is_the_authors_floor(t_init, steps):
    first = Grid(VE(), steps, 1e-5).first_step(t_init)
    exact = (1 - t_init) * steps
    assert 0 <= first < steps
    assert first == min(math.floor(exact), steps - 1) or exact == pytest.approx(first)


def test_tenths_cost_no_step():
    grid = Grid(VE(), 1000, 1e-5)
    assert [1000 - grid.first_step(k / 10) for k in range(5, 11)] == [500, 600, 700, 800, 900, 1000]


@pytest.mark.parametrize("step", [0, 7, 19])
@pytest.mark.parametrize("sde", [VE(), VP()], ids=["ve", "vp"])
def test_reverse_diffusion(sde, step):
    grid = Grid(sde, 20, 1e-3)
    k = 19 - step
    if isinstance(sde, VE):
        factor, lower = 1.0, (0.01 * 5000 ** ((k - 1) / 19) if k else 0.0)
        variance = (0.01 * 5000 ** (k / 19)) ** 2 - lower**2
    else:
        variance = (0.1 + k * 19.9 / 19) / 20
        factor = math.sqrt(1 - variance)
    new, mean = reverse_diffusion(grid, step, X, SCORE, NOISE)
    for where, x in enumerate(X.flatten()):
        s, z = SCORE.flatten()[where], NOISE.flatten()[where]
        expected = x - (factor - 1) * x + variance * s
        assert float(mean.flatten()[where]) == pytest.approx(float(expected), rel=1e-4, abs=1e-5)
        assert float(new.flatten()[where]) == pytest.approx(float(expected + variance**0.5 * z), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("sde", [VE(), VP()], ids=["ve", "vp"])
def test_euler_maruyama(sde):
    grid, step = Grid(sde, 50, 1e-3), 20
    t = torch.tensor(1 - 20 * (1 - 1e-3) / 49, dtype=torch.float64)
    g = float(sde.diffusion(t))
    new, mean = euler_maruyama(grid, step, X, SCORE, NOISE)
    drift = torch.zeros_like(X) if isinstance(sde, VE) else -0.5 * g**2 * X
    assert torch.allclose(mean, X - (drift - g**2 * SCORE) / 50, rtol=1e-5)
    assert torch.allclose(new, mean + g * math.sqrt(1 / 50) * NOISE, rtol=1e-5)


@pytest.mark.parametrize("over_batch", [False, True])
@pytest.mark.parametrize("sde", [VE(), VP()], ids=["ve", "vp"])
def test_langevin(sde, over_batch):
    grid, step, snr = Grid(sde, 30, 1e-3), 4, 0.16
    new, mean = langevin(grid, step, X, SCORE, NOISE, snr, over_batch)
    alpha = 1.0 if isinstance(sde, VE) else 1 - (0.1 + 25 * 19.9 / 29) / 30
    noises, scores = ([float(image.norm()) for image in values] for values in (NOISE, SCORE))
    if over_batch:
        noises, scores = [sum(noises) / 2] * 2, [sum(scores) / 2] * 2
    for image in range(2):
        size = 2 * alpha * (snr * noises[image] / scores[image]) ** 2
        expected = X[image] + size * SCORE[image]
        assert torch.allclose(mean[image], expected, rtol=1e-4)
        assert torch.allclose(new[image], expected + math.sqrt(2 * size) * NOISE[image], rtol=1e-4)


def test_langevin_without_a_direction_stays():
    new, mean = langevin(Grid(VE(), 30, 1e-3), 4, X, torch.zeros_like(X), NOISE, 0.16, False)
    assert torch.equal(new, X)
    assert torch.equal(mean, X)
