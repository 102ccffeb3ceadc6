"""The score of a known Gaussian, in closed form, under both SDEs.

If x_0 ~ N(mu, s^2 I) then x_t ~ N(m mu, (m^2 s^2 + std^2) I), whose score is -(x_t - m mu) / (m^2 s^2 + std^2).
"""

import pytest
import torch

from drl.diffusion.losses import denoising_score_matching
from drl.diffusion.preconditioning import edm_score, paper_score
from drl.diffusion.sde import VE, VP, per_image, perturb

MU, S, N, D = 0.6, 0.8, 40_000, 4
SDES = [VE(), VP()]
TIMES = [0.05, 0.3, 0.6, 0.9]


def samples(sde, value):
    generator = torch.Generator().manual_seed(int(1000 * value))
    t = torch.full((N,), value, dtype=torch.float64)
    x_0 = MU + S * torch.randn(N, 1, 2, 2, generator=generator, dtype=torch.float64)
    noise = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
    return t, perturb(sde, x_0, t, noise), noise


def exact_score(sde, x_t, t):
    m, std = per_image(sde.mean_factor(t), x_t), per_image(sde.std(t), x_t)
    return -(x_t - m * MU) / (m**2 * S**2 + std**2)


@pytest.mark.parametrize("value", TIMES)
@pytest.mark.parametrize("sde", SDES)
def test_score_matching_finds_the_score(sde, value):
    """The best affine function of x_t, fitted to the loss's targets -z / std, is the score."""
    t, x_t, noise = samples(sde, value)
    std = float(sde.std(t[:1]))
    design = torch.stack((x_t.flatten(), torch.ones(x_t.numel(), dtype=torch.float64)), dim=1)
    slope, offset = torch.linalg.lstsq(design, -noise.flatten()[:, None] / std).solution.flatten().tolist()
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)[:, None, None, None]
    at_0, at_1 = exact_score(sde, ends, t[:2]).flatten().tolist()
    # Five standard errors of a regression on this many points.
    error = 5 / std / x_t.numel() ** 0.5
    spread = float(x_t.std())
    assert slope == pytest.approx(at_1 - at_0, abs=error / spread)
    assert offset == pytest.approx(at_0, abs=error * (1 + abs(float(x_t.mean())) / spread))


@pytest.mark.parametrize("value", TIMES)
@pytest.mark.parametrize("sde", SDES)
def test_the_loss_at_the_score_is_the_smallest_there_is(sde, value):
    """At the exact score the expected loss is D / 2 (1 - std^2 / (m^2 s^2 + std^2)), and more a little beside it."""
    t, x_t, noise = samples(sde, value)
    m, std = float(sde.mean_factor(t[:1])), float(sde.std(t[:1]))
    score = exact_score(sde, x_t, t)
    reached = float(denoising_score_matching(score, noise, sde.std(t)).mean())
    variance = m**2 * S**2 + std**2
    assert reached == pytest.approx(D / 2 * (1 - std**2 / variance), rel=0.05)
    for other in (score + 0.3 / variance**0.5, 1.2 * score):
        assert float(denoising_score_matching(other, noise, sde.std(t)).mean()) > reached


@pytest.mark.parametrize("value", TIMES)
@pytest.mark.parametrize("sde", SDES)
def test_both_parametrisations_can_express_it(sde, value):
    """The network output that stands for the exact score gives the exact score back, whatever the preconditioning."""
    t, x_t, _ = samples(sde, value)
    x_t, t = x_t[:50], t[:50]
    exact = exact_score(sde, x_t, t)
    std, sign = per_image(sde.std(t), x_t), 1 if isinstance(sde, VE) else -1
    assert torch.allclose(paper_score(lambda *_: sign * std * exact, sde, x_t, t, None, True), exact, rtol=1e-5)
    m, sigma = per_image(sde.mean_factor(t), x_t), per_image(sde.effective_sigma(t), x_t)
    posterior_mean = (x_t + std**2 * exact) / m
    c_skip, c_out = 1 / (sigma**2 + 1), sigma / torch.sqrt(sigma**2 + 1)
    output = (posterior_mean - c_skip * x_t / m) / c_out
    assert torch.allclose(edm_score(lambda *_: output, sde, x_t, t, None, 1.0), exact, rtol=1e-4, atol=1e-5)
