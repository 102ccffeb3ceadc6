"""What a linear code is worth on Gaussian data, against conditional covariances and against trained linear models."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.diffusion.losses import denoising_score_matching
from drl.diffusion.sde import VE, VP, perturb
from drl.theory.gaussian import best_code, gain, loss_without_code, removable_loss, removed_loss
from drl.theory.measures import constant_by_quadrature
from drl.theory.mixture import Mixture
from tests.theory.common import minimise

EIGENVALUES = torch.tensor([9.0, 4.0, 2.0, 1.0, 0.5, 0.25], dtype=torch.float64)
TIMES = [0.1, 0.5, 0.7, 1.0]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(d):
    return torch.linalg.qr(normal(d, d)).Q


DIRECTIONS = rotation(6)
COVARIANCE = DIRECTIONS @ EIGENVALUES.diag() @ DIRECTIONS.T


def loss_by_conditioning(sde, code, t):
    """Half the trace of Cov(z | x_t, W x_0), from the joint covariance of z, x_t and the code."""
    time = torch.tensor(t, dtype=torch.float64)
    m, std, d = float(sde.mean_factor(time)), float(sde.std(time)), len(COVARIANCE)
    eye, none = torch.eye(d, dtype=torch.float64), torch.zeros(d, d, dtype=torch.float64)
    of_noise, of_x_0 = torch.cat([eye, none]), torch.cat([none, eye])  # z, x_0 as functions of (z, x_0)
    joint = torch.block_diag(eye, COVARIANCE)
    seen = torch.cat([std * of_noise + m * of_x_0, of_x_0 @ code.T], 1)
    cross = of_noise.T @ joint @ seen
    return float(0.5 * (eye - cross @ torch.linalg.pinv(seen.T @ joint @ seen, rtol=1e-15) @ cross.T).trace())


@pytest.mark.parametrize("sde", [VE(), VP()], ids=["ve", "vp"])
@pytest.mark.parametrize("t", [0.3, 0.5, 0.7, 1.0])
def test_any_code_removes_what_conditioning_says(sde, t):
    sigma = float(sde.effective_sigma(torch.tensor(t, dtype=torch.float64)))
    without = loss_without_code(EIGENVALUES, sigma)
    assert loss_by_conditioning(sde, torch.zeros(1, 6, dtype=torch.float64), t) == pytest.approx(without, rel=1e-6)
    for code in (normal(2, 6), DIRECTIONS.T[:2], DIRECTIONS.T[3:4], 7 * best_code(COVARIANCE, 3)):
        removed = without - loss_by_conditioning(sde, code, t)
        assert removed_loss(code, COVARIANCE, sigma) == pytest.approx(removed, rel=1e-5)


@pytest.mark.parametrize("t", TIMES)
def test_the_top_components_are_the_best_code_at_every_t(t):
    sigma = float(VE().std(torch.tensor(t)))
    for k in (1, 2, 5):
        best = removable_loss(EIGENVALUES, sigma, k)
        # A basis of the same subspace is as good, and no other code is better.
        same = normal(k, k) @ best_code(COVARIANCE, k)
        assert removed_loss(same, COVARIANCE, sigma) == pytest.approx(best, rel=1e-9)
        tried = [removed_loss(normal(k, 6, seed=seed), COVARIANCE, sigma) for seed in range(300)]
        assert max(tried) < best
        worst = float(gain(EIGENVALUES, sigma)[-k:].sum())
        assert min(tried) > worst


def test_each_component_is_worth_its_gain():
    for i in range(6):
        alone = removed_loss(DIRECTIONS.T[i : i + 1], COVARIANCE, 1.3)
        assert alone == pytest.approx(float(gain(EIGENVALUES, 1.3)[i]), rel=1e-10)


def test_the_loss_without_a_code_is_the_constant_of_eq_6():
    one = Mixture(torch.zeros(1, 2, dtype=torch.float64), 1.5, torch.zeros(1, dtype=torch.int64))
    by_quadrature = constant_by_quadrature(one, VE(), 0.5, 5)
    same = torch.full((2,), 1.5**2, dtype=torch.float64)
    assert loss_without_code(same, float(VE().std(torch.tensor(0.5)))) == pytest.approx(by_quadrature, rel=1e-6)


def trained_linear_model(t, k):
    """Train a linear encoder and a linear score from random weights by the project's loss; return code and loss.

    The draws of x_0 and z have exactly the moments of the population, and the loss depends on no others, so that its
    mean over these draws is its expectation.
    """
    draws = normal(80, 12)
    draws = torch.linalg.qr(draws - draws.mean(0)).Q * 80**0.5
    x_0, noise = draws[:, :6] @ torch.linalg.cholesky(COVARIANCE).T, draws[:, 6:]
    times = torch.full((80,), t, dtype=torch.float64)
    std, x_t = VE().std(times), perturb(VE(), x_0, times, noise)
    sigma = std[0]
    # The score gets what x_0 has beyond x_t, in units of sigma. This is the same family, all linear functions of x_t
    # and the code, with weights that are easy to train at every sigma.
    beyond = (x_0 - x_t @ torch.linalg.solve(COVARIANCE + sigma**2 * torch.eye(6), COVARIANCE)) / sigma
    encoder, from_code, from_x_t = (
        (0.3 * normal(*shape, seed=seed)).requires_grad_() for seed, shape in enumerate(((k, 6), (6, k), (6, 6)))
    )

    def loss():
        noise_found = x_t / (1 + sigma**2).sqrt() @ from_x_t.T + beyond @ encoder.T @ from_code.T
        return denoising_score_matching(-noise_found / sigma, noise, std).mean()

    minimise(loss, [encoder, from_code, from_x_t])
    return encoder.detach(), loss().item()


@pytest.mark.parametrize("t", TIMES)
def test_a_trained_linear_model_finds_the_principal_components_and_the_loss(t):
    code, loss = trained_linear_model(t, 2)
    sigma = float(VE().std(torch.tensor(t, dtype=torch.float64)))
    least = loss_without_code(EIGENVALUES, sigma) - removable_loss(EIGENVALUES, sigma, 2)
    assert loss == pytest.approx(least, rel=1e-5)
    # Cosines of the angles between the two planes.
    cosines = torch.linalg.svdvals(torch.linalg.qr(code.T).Q.T @ DIRECTIONS[:, :2])
    assert float(cosines.min()) > 1 - 1e-3


POSITIVE = st.floats(1e-3, 1e3)


@given(st.lists(POSITIVE, min_size=2, max_size=6), POSITIVE, st.floats(1.01, 10))
def test_order_and_monotony(values, sigma, more):
    values = torch.tensor(sorted(values, reverse=True), dtype=torch.float64)
    low, high = gain(values, sigma), gain(values, sigma * more)
    for gains in (low, high):
        assert bool((gains.diff() <= 0).all())  # the order of components is that of eigenvalues
        assert bool((gains > 0).all())
        assert bool((gains < 0.5).all())
    assert bool((high < low).all())  # gains fall with t
    assert bool((high[0] / high >= (1 - 1e-12) * low[0] / low).all())  # but first components gain on the others
    assert bool((high[0] / high <= (1 + 1e-12) * values[0] / values).all())  # up to the ratio of the eigenvalues
    share = [removable_loss(values, s, 1) / loss_without_code(values, s) for s in (sigma, sigma * more)]
    assert share[1] >= (1 - 1e-12) * share[0]
