"""The two parametrisations, against the formulas as the papers write them."""

import pytest
import torch

from drl.diffusion.losses import denoising_score_matching
from drl.diffusion.preconditioning import edm_score, loss_weight, paper_score
from drl.diffusion.sde import VE, VP, perturb

SDES = [VE(), VP()]
SIGMA_DATA = 0.7


def network(x, label, z):
    """Any smooth function of its three inputs."""
    shift = 0.0 if z is None else z.sum(1)[:, None, None, None]
    return torch.sin(x) + 0.1 * torch.log1p(label)[:, None, None, None] + shift


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor([0.02, 0.3, 0.6, 0.95], dtype=torch.float64)
    x_0, noise = (torch.randn(4, 3, 5, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    z = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    return t, x_0, noise, z


def column(values):
    return values[:, None, None, None]


def edm_denoiser(sde, x_t, t, z):
    """D(x; sigma) of Karras et al. 2022, Eq. 7 with the coefficients of Table 1, written out; x = x_t / m."""
    sigma = column(sde.std(t) / sde.mean_factor(t))
    x = x_t / column(sde.mean_factor(t))
    c_skip = SIGMA_DATA**2 / (sigma**2 + SIGMA_DATA**2)
    c_out = sigma * SIGMA_DATA / torch.sqrt(sigma**2 + SIGMA_DATA**2)
    c_in = 1 / torch.sqrt(sigma**2 + SIGMA_DATA**2)
    return c_skip * x + c_out * network(c_in * x, sigma.flatten(), z).float()


@pytest.mark.parametrize("sde", SDES)
def test_edm_score_is_that_of_its_denoiser(sde, inputs):
    t, x_0, noise, z = inputs
    x_t = perturb(sde, x_0, t, noise)
    m, std = column(sde.mean_factor(t)), column(sde.std(t))
    # Tweedie: D = E[x_0 | x_t], so the score of x_t is (m D - x_t) / std^2.
    expected = (m * edm_denoiser(sde, x_t, t, z) - x_t) / std**2
    assert torch.allclose(edm_score(network, sde, x_t, t, z, SIGMA_DATA), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sde", SDES)
def test_edm_weight_is_edms_loss_on_the_denoiser(sde, inputs):
    t, x_0, noise, z = inputs
    x_t = perturb(sde, x_0, t, noise)
    score = edm_score(network, sde, x_t, t, z, SIGMA_DATA)
    ours = loss_weight("edm", sde, t, SIGMA_DATA) * denoising_score_matching(score, noise, sde.std(t))
    sigma = sde.std(t) / sde.mean_factor(t)
    lam = (sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2
    theirs = lam * 0.5 * ((edm_denoiser(sde, x_t, t, z) - x_0) ** 2).flatten(1).sum(1)
    assert torch.allclose(ours, theirs, rtol=1e-3)


def test_edm_network_sees_and_makes_unit_variance():
    """At every t the input of the network has variance one, for data of deviation sigma_data."""
    generator = torch.Generator().manual_seed(1)
    seen = []

    def spy(x, label, z):
        seen.append(x.flatten(1).var(1))
        return x

    t = torch.tensor([0.0, 0.3, 0.6, 1.0])
    x_0 = SIGMA_DATA * torch.randn(4, 1, 200, 200, generator=generator)
    noise = torch.randn(x_0.shape, generator=generator)
    for sde in SDES:
        edm_score(spy, sde, perturb(sde, x_0, t, noise), t, None, SIGMA_DATA)
    for variances in seen:
        assert torch.allclose(variances, torch.ones(4), atol=0.05)


def test_paper_score_ve_divides_by_sigma(inputs):
    t, x_0, _, z = inputs
    raw = network(x_0, VE().std(t), z).float()
    assert torch.allclose(paper_score(network, VE(), x_0, t, z, True), raw / column(VE().std(t)))
    assert torch.allclose(paper_score(network, VE(), x_0, t, z, False), raw)


def test_paper_score_vp_is_minus_output_over_std(inputs):
    t, x_0, _, z = inputs
    raw = network(x_0, 999 * t, z).float()
    assert torch.allclose(paper_score(network, VP(), x_0, t, z, False), -raw / column(VP().std(t)))


def test_paper_weight_is_one(inputs):
    assert torch.equal(loss_weight("paper", VE(), inputs[0], 1.0), torch.ones(4, dtype=torch.float64))
