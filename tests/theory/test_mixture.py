"""Closed forms of a mixture, against automatic differentiation, quadrature and drawing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.diffusion.sde import VE, VP, perturb
from drl.theory.mixture import Mixture, circle, make_mixture, product
from tests.theory.common import settings

SDES = [VE(), VP()]
MIXTURE = make_mixture(settings().mixture)


def points(mixture, n, seed, scale=1.5):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n, mixture.dimensions, generator=generator, dtype=torch.float64)


def at(t):
    return torch.tensor(t, dtype=torch.float64)


@st.composite
def mixtures(draw):
    """Mixtures with arbitrary means."""
    count, dimensions = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    entries = st.floats(-2, 2)
    means = draw(st.lists(entries, min_size=count * dimensions, max_size=count * dimensions))
    spread = draw(st.floats(0.1, 1))
    return Mixture(torch.tensor(means, dtype=torch.float64).reshape(count, dimensions), spread, torch.arange(count))


@given(mixtures(), st.sampled_from(SDES), st.floats(0.05, 1), st.integers(0, 100))
def test_the_score_is_the_gradient_of_the_log_density(mixture, sde, t, seed):
    x = points(mixture, 5, seed).requires_grad_()
    (gradient,) = torch.autograd.grad(mixture.log_density(sde, x, at(t)).sum(), x)
    torch.testing.assert_close(mixture.score(sde, x, at(t)), gradient, rtol=1e-8, atol=1e-8)


@given(mixtures(), st.sampled_from(SDES), st.floats(0.05, 1), st.integers(0, 100))
def test_the_posterior_is_that_of_the_score_s_derivative(mixture, sde, t, seed):
    """Second-order Tweedie: m^2 Cov(x_0 | x_t) = std^2 (I + std^2 d score / d x_t), here its trace."""
    x = points(mixture, 4, seed)
    m, std = sde.mean_factor(at(t)), sde.std(at(t))
    jacobians = torch.stack(
        [torch.autograd.functional.jacobian(lambda y: mixture.score(sde, y[None], at(t))[0], row) for row in x]
    )
    divergence = jacobians.diagonal(dim1=1, dim2=2).sum(1)
    expected = std**2 * (mixture.dimensions + std**2 * divergence)
    # The right-hand side is a small difference of large numbers.
    torch.testing.assert_close(m**2 * mixture.posterior_trace(sde, x, at(t)), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sde", SDES)
@pytest.mark.parametrize("t", [0.2, 0.5])
def test_the_density_is_the_convolution_of_components_and_kernel(sde, t):
    """In one dimension p_t(y) = integral of p_0(x) p_0t(y|x) dx, by a fine sum."""
    mixture = Mixture(torch.tensor([[-1.0], [0.7], [1.5]], dtype=torch.float64), 0.3, torch.arange(3))
    x = torch.linspace(-6, 6, 6001, dtype=torch.float64)
    p_0 = torch.exp(mixture.log_density(VE(1e-9, 1.0), x[:, None], at(0.0)))
    assert float(p_0.sum() * 12 / 6000) == pytest.approx(1, rel=1e-6)
    y = torch.tensor([-1.3, 0.1, 0.9], dtype=torch.float64)
    m, std = float(sde.mean_factor(at(t))), float(sde.std(at(t)))
    kernel = torch.exp(-((y[:, None] - m * x) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))
    expected = (kernel * p_0).sum(1) * 12 / 6000
    torch.testing.assert_close(torch.exp(mixture.log_density(sde, y[:, None], at(t))), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("sde", SDES)
def test_noisy_samples_have_the_perturbed_density(sde):
    """The score has mean 0 and E[score x_t^T] = -I under the density whose score it is (Stein)."""
    generator, n, t = torch.Generator().manual_seed(0), 60_000, at(0.4)
    x_0, _ = MIXTURE.sample(n, generator)
    noise = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
    x_t = perturb(sde, x_0, t.expand(n), noise)
    score = MIXTURE.score(sde, x_t, t)
    size = float(score.std())
    torch.testing.assert_close(score.mean(0), torch.zeros(4, dtype=torch.float64), rtol=0, atol=5 * size / n**0.5)
    stein = score.T @ x_t / n
    torch.testing.assert_close(stein, -torch.eye(4, dtype=torch.float64), rtol=0, atol=6 * size * 1.5 / n**0.5)


def test_classes_are_families_of_components():
    """Samples carry the class of the component that they lie nearest to, and every class comes equally often."""
    x_0, labels = MIXTURE.sample(3000, torch.Generator().manual_seed(1))
    nearest = torch.cdist(x_0, MIXTURE.means).argmin(1)
    assert float((MIXTURE.labels[nearest] == labels).float().mean()) > 0.95
    assert torch.bincount(labels).float().div(3000).tolist() == pytest.approx([0.5, 0.5], abs=0.04)
    assert len(MIXTURE.means) == 6
    assert torch.bincount(MIXTURE.labels).tolist() == [3, 3]


@pytest.mark.parametrize("label_plane", [0, 1])
def test_a_mixture_is_scaled_like_standardised_pixels(label_plane):
    mixture = make_mixture(settings().mixture.model_copy(update={"label_plane": label_plane}))
    assert mixture.variance / mixture.dimensions == pytest.approx(1)
    x_0, _ = mixture.sample(40_000, torch.Generator().manual_seed(0))
    assert float(x_0.var(0).mean()) == pytest.approx(1, rel=0.02)
    radii = [plane.means.norm(dim=1) for plane in mixture.factors]
    assert radii[1].tolist() == pytest.approx([float(radii[0][0]) * 0.5] * 2)
    assert mixture.spread == pytest.approx(0.2 * float(radii[0][0]))
    assert torch.bincount(mixture.labels).tolist() == ([2, 2, 2] if label_plane == 0 else [3, 3])


def test_the_density_of_a_product_is_the_product_of_its_factors():
    mixture, x, t = product([circle(3, 1.0), circle(2, 0.4)], 0.2, 0), points(MIXTURE, 20, 0), at(0.45)
    for sde in SDES:
        first, second = (
            part.log_density(sde, x[:, columns], t)
            for part, columns in zip(mixture.factors, (slice(0, 2), slice(2, 4)), strict=True)
        )
        torch.testing.assert_close(mixture.log_density(sde, x, t), first + second)


def test_equal_generators_give_equal_samples():
    one, two = (MIXTURE.sample(10, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
