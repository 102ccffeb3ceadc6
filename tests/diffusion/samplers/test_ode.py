"""The probability-flow ODE of a Gaussian has a closed form: entries move along with their deviation."""

import time

import pytest
import torch

from drl.diffusion.samplers.ode import solve_ode
from drl.diffusion.samplers.steps import Grid
from drl.diffusion.sde import VE, VP
from drl.errors import UserError
from tests.diffusion.samplers.gaussian import DEVIATION, MEAN, at_time, exact_score


@pytest.mark.parametrize("t_init", [0.4, 1.0])
@pytest.mark.parametrize("sde", [VE(), VP()], ids=["ve", "vp"])
def test_each_image_keeps_its_place_in_the_distribution(sde, t_init):
    noise = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    x, evaluations = solve_ode(
        exact_score(sde), Grid(sde, 1000, 1e-4), at_time(sde, t_init, noise), t_init, denoise=False
    )
    assert torch.allclose(x, at_time(sde, 1e-4, noise), rtol=1e-3, atol=1e-3)
    assert evaluations > 10


def test_denoising_is_one_more_step_towards_the_data():
    sde, grid = VE(), Grid(VE(), 1000, 1e-5)
    noise = torch.randn(200, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    runs = [solve_ode(exact_score(sde), grid, at_time(sde, 0.6, noise), 0.6, denoise=value) for value in (False, True)]
    (noisy, calls), (clean, more) = runs
    assert more == calls + 1
    expected = noisy + 0.01**2 * exact_score(sde)(noisy, torch.full((200,), 1e-5))
    assert torch.allclose(clean, expected, atol=1e-5)


def test_an_image_hardly_depends_on_its_batch():
    sde, grid = VE(), Grid(VE(), 1000, 1e-5)
    start = at_time(sde, 0.7, torch.randn(6, 1, 6, 6, generator=torch.Generator().manual_seed(1)))
    together, _ = solve_ode(exact_score(sde), grid, start, 0.7)
    alone = torch.cat([solve_ode(exact_score(sde), grid, row[None], 0.7)[0] for row in start])
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_codes_are_handed_on():
    def score(x, t, z):
        assert z.shape == (2, 3)
        return -(x - MEAN) / (DEVIATION**2 + 1)

    solve_ode(score, Grid(VP(), 100, 1e-3), torch.zeros(2, 1, 6, 6), 0.5, torch.ones(2, 3))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("from_t", [0.7, 0.4], ids=["at once", "on the way"])
def test_a_score_that_is_not_finite_ends_it_at_once(value, from_t):
    """The solver would halve its step for ever."""
    exact, seen = exact_score(VE()), []

    def score(x, t, z):
        seen.append(float(t[0]))
        found = exact(x, t)
        if seen[-1] <= from_t:
            # One entry of one image is enough.
            found[1, 0, 2, 3] = value
        return found

    start, begun = at_time(VE(), 0.7, torch.ones(3, 1, 6, 6)), time.monotonic()
    with pytest.raises(UserError, match=r"^the score is not finite at t = 0\.\d+; train the model longer$") as caught:
        solve_ode(score, Grid(VE(), 100, 1e-3), start, 0.7)
    assert time.monotonic() - begun < 1
    assert f"at t = {seen[-1]:.3g};" in str(caught.value)
    assert all(t > from_t for t in seen[:-1])
