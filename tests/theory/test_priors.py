"""Distances of priors, against integrals, samples and the general formula."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from drl.data.store import from_unit
from drl.diffusion.samplers.noise import image_uniform
from drl.diffusion.samplers.prior import prior as sampler_prior
from drl.diffusion.sde import VE
from drl.evaluation.frechet import Statistics, frechet_distance
from drl.theory.measured import KINDS, sigma_at
from drl.theory.priors import Images, Prior, frechet, kl, uniform_less_gaussian

IMAGES = Images(torch.tensor([0.1, 0.3, 0.7], dtype=torch.float64), torch.tensor([0.4, 0.1, 0.02], dtype=torch.float64))


def divergence(log_p, log_q, reach):
    return integrate.quad(lambda x: np.exp(log_p(x)) * (log_p(x) - log_q(x)), -reach, reach, epsabs=1e-13, limit=400)[0]


def uniform_plus_gaussian(sigma):
    def log_density(x):
        x = min(x, 1 - x)  # it is symmetric, and the left tail has more digits
        return np.log(stats.norm.cdf(x / sigma) - stats.norm.cdf((x - 1) / sigma))

    return log_density


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_kl_is_the_integral(kind, sigma):
    """In one dimension; the uniform prior with its own density, not the Gaussian with its moments."""
    images = Images(torch.tensor([0.2], dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64))
    prior = Prior.of(kind, images, sigma)
    plain = stats.norm(float(prior.mean), prior.variance**0.5).logpdf
    own = uniform_plus_gaussian(sigma) if kind == "uniform_gaussian" else plain
    by_integral = divergence(stats.norm(0.2, (0.3 + sigma**2) ** 0.5).logpdf, own, 14 * sigma)
    # docs/theory.md says how much the moments leave out.
    tolerance = {0.7: 1e-2, 2.0: 1e-4}[sigma] if kind == "uniform_gaussian" else 1e-8
    assert kl(images, sigma, prior) == pytest.approx(by_integral, rel=tolerance)


def test_kl_of_many_dimensions_is_the_general_formula():
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).Q
    covariance = turn @ (IMAGES.eigenvalues + 0.25).diag() @ turn.T
    own = torch.distributions.MultivariateNormal(IMAGES.mean, covariance)
    for kind in KINDS:
        prior = Prior.of(kind, IMAGES, 0.5)
        other = torch.distributions.MultivariateNormal(prior.mean, prior.variance * torch.eye(3).double())
        assert kl(IMAGES, 0.5, prior) == pytest.approx(float(torch.distributions.kl_divergence(own, other)), rel=1e-9)
        found, wanted = (
            Statistics(mean, spread, 9)
            for mean, spread in ((IMAGES.mean, covariance), (other.mean, other.covariance_matrix))
        )
        assert frechet(IMAGES, 0.5, prior) == pytest.approx(frechet_distance(found, wanted), rel=1e-6)


def test_differences_are_exact_though_images_are_not_gaussian():
    """Two grey values with noise around them."""
    sigma, values = 0.6, (0.0, 0.9)
    images = Images(torch.tensor([0.45], dtype=torch.float64), torch.tensor([0.45**2], dtype=torch.float64))

    def log_p(x):
        return np.log(np.mean([stats.norm.pdf(x, value, sigma) for value in values]))

    near, far = (Prior.of(kind, images, sigma) for kind in ("mean_image", "gaussian"))
    whole = [divergence(log_p, stats.norm(float(p.mean), p.variance**0.5).logpdf, 8) for p in (near, far)]
    assert whole[1] - whole[0] == pytest.approx(kl(images, sigma, far) - kl(images, sigma, near), rel=1e-6)
    # What is not exact is the divergence itself.
    assert whole[0] != pytest.approx(kl(images, sigma, near), rel=1e-2)


@pytest.mark.parametrize(("pixels", "low", "high"), [("unit", 0, 1), ("symmetric", -1, 1), ("standardised", -0.5, 1.5)])
def test_moments_are_those_of_the_sampler(pixels, low, high):
    """What a chain begins with, for 400 images of 10x10 pixels."""
    seeds, t = range(400), torch.full((400,), 0.5)
    z = torch.randn(400, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    u = image_uniform(seeds, (1, 10, 10), torch.device("cpu"))
    u = from_unit(u, pixels, torch.tensor(0.25), torch.tensor(0.5))
    images = Images(torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))
    for kind in ("gaussian", "uniform_gaussian"):
        x = sampler_prior(VE(), t, z, None if kind == "gaussian" else u)
        expected = Prior.of(kind, images, sigma_at(0.5), low, high)
        assert float(x.mean()) == pytest.approx(float(expected.mean), abs=0.02)
        assert float(x.var()) == pytest.approx(expected.variance, rel=0.03)


def test_the_mean_image_is_best_and_nothing_is_left_if_images_are_equal():
    for sigma in (0.5, 5.0):
        found = {kind: kl(IMAGES, sigma, Prior.of(kind, IMAGES, sigma)) for kind in KINDS}
        assert found["mean_image"] < min(found["gaussian"], found["uniform_gaussian"])
    same = Images(IMAGES.mean, torch.zeros(3, dtype=torch.float64))
    assert kl(same, 1.0, Prior.of("mean_image", same, 1.0)) == 0
    assert frechet(same, 1.0, Prior.of("mean_image", same, 1.0)) == 0


@given(st.floats(0.0, 1.0), st.floats(0.0, 0.1))
def test_brightness_decides_between_uniform_and_gaussian(grey, spread):
    images = Images(torch.full((100,), grey, dtype=torch.float64), torch.full((100,), spread, dtype=torch.float64))
    sigma = sigma_at(0.7)
    found = [kl(images, sigma, Prior.of(kind, images, sigma)) for kind in ("uniform_gaussian", "gaussian")]
    difference = uniform_less_gaussian(images.mean, sigma)
    assert found[0] - found[1] == pytest.approx(difference, rel=0.01, abs=0.02)
    if abs(grey - 0.25) > 0.02:
        assert (found[0] > found[1]) is (grey < 0.25)
