import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.config.diffusion import VESettings, VPSettings
from drl.diffusion.sde import VE, VP, make_sde, perturb

TIMES = torch.linspace(0, 1, 101, dtype=torch.float64)


def test_ve_has_the_papers_noise_levels():
    sde = VE()
    at = {0.0: 0.01, 0.5: 0.7071, 0.6: 1.657, 0.7: 3.884, 0.8: 9.103, 0.9: 21.33, 1.0: 50.0}
    for t, sigma in at.items():
        assert float(sde.std(torch.tensor(t))) == pytest.approx(sigma, rel=1e-3)


@pytest.mark.parametrize("sde", [VE(), VP()])
def test_kernel_solves_the_sde(sde):
    """The mean factor obeys m' = f m, the variance v' = 2 f v + g^2, both integrated slowly by Euler steps."""
    steps = 20_000
    m, v = torch.ones((), dtype=torch.float64), sde.std(torch.zeros((), dtype=torch.float64)) ** 2
    one = torch.ones((), dtype=torch.float64)
    for k in range(steps):
        t = torch.tensor((k + 0.5) / steps, dtype=torch.float64)
        f, g = sde.drift(one, t), sde.diffusion(t)
        m, v = m + f * m / steps, v + (2 * f * v + g**2) / steps
    end = torch.ones((), dtype=torch.float64)
    assert float(sde.mean_factor(end)) == pytest.approx(float(m), rel=1e-3)
    assert float(sde.std(end)) == pytest.approx(math.sqrt(float(v)), rel=1e-3)


def test_vp_preserves_the_variance_of_unit_data():
    sde = VP()
    assert torch.allclose(sde.mean_factor(TIMES) ** 2 + sde.std(TIMES) ** 2, torch.ones_like(TIMES))
    assert torch.allclose(sde.effective_sigma(TIMES), sde.std(TIMES) / sde.mean_factor(TIMES), rtol=1e-9)


def test_vp_keeps_its_digits_near_zero():
    t = torch.tensor(1e-5)
    exact = VP().std(t.double())
    assert float(VP().std(t)) == pytest.approx(float(exact), rel=1e-5)


@given(st.floats(0.001, 1), st.floats(1.5, 1000), st.floats(0, 1))
def test_time_of_sigma_inverts_std(sigma_min, ratio, t):
    sde = VE(sigma_min, sigma_min * ratio)
    there = torch.tensor(t, dtype=torch.float64)
    assert float(sde.time_of_sigma(sde.std(there))) == pytest.approx(t, abs=1e-9)


def test_noise_labels():
    t = torch.tensor([0.0, 0.5, 1.0])
    assert torch.equal(VE().noise_label(t), VE().std(t))
    assert torch.equal(VP().noise_label(t), 999 * t)


@pytest.mark.parametrize("sde", [VE(), VP()])
def test_perturbed_images_have_the_kernels_moments(sde):
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.full((20_000, 2), 3.0)
    noise = torch.randn(x_0.shape, generator=generator)
    t = torch.full((len(x_0),), 0.4)
    x_t = perturb(sde, x_0, t, noise)
    mean, std = 3 * float(sde.mean_factor(t[0])), float(sde.std(t[0]))
    assert float(x_t.mean()) == pytest.approx(mean, abs=5 * std / 200)
    assert float(x_t.std()) == pytest.approx(std, rel=0.02)


def test_settings_choose_the_sde():
    assert make_sde(VESettings(sigma_min=0.1, sigma_max=2.0)) == VE(0.1, 2.0)
    assert make_sde(VPSettings(beta_min=0.2, beta_max=3.0)) == VP(0.2, 3.0)
