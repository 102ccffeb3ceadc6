"""What a linear VAE puts into its code, against one that is trained by the project's losses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.diffusion.losses import kl_penalty, reduce_entries
from drl.theory.vae import nats
from tests.theory.common import minimise

EIGENVALUES = torch.tensor([8.0, 3.0, 0.5, 0.3, 0.2], dtype=torch.float64)


def trained_nats(kl_weight, reduction, k):
    """Train a linear VAE from random weights; return the KL of each direction of its code, largest first.

    Draws of x and of the code's noise have exactly the moments of the population, so that nothing is left to chance.
    """
    n, d = 60, len(EIGENVALUES)
    draws = torch.randn(n, d + k, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    draws = torch.linalg.qr(draws - draws.mean(0)).Q * n**0.5
    x, noise = draws[:, :d] * EIGENVALUES.sqrt(), draws[:, d:]
    start = torch.Generator().manual_seed(1)
    weights = [
        (0.3 * torch.randn(*shape, generator=start, dtype=torch.float64)).requires_grad_()
        for shape in ((k, d), (d, k), (k,))
    ]

    def divergences():
        mean = x @ weights[0].T
        return mean, weights[2].expand_as(mean)

    def loss():
        mean, log_variance = divergences()
        z = mean + noise * (log_variance / 2).exp()
        squares = reduce_entries((z @ weights[1].T - x) ** 2, reduction)
        return (squares + kl_weight * kl_penalty(mean, log_variance)).mean()

    minimise(loss, weights)
    with torch.no_grad():
        mean, log_variance = divergences()
        each = torch.stack([kl_penalty(mean[:, [i]], log_variance[:, [i]]).mean() for i in range(k)])
    return each.sort(descending=True).values


@pytest.mark.parametrize(
    ("kl_weight", "reduction", "beta"),
    [(1.0, "half_sum", 1.0), (1.0, "sum", 0.5), (0.4, "mean", 1.0), (0.1, "sum", 0.05)],
)
def test_a_trained_linear_vae_has_these_nats(kl_weight, reduction, beta):
    predicted = nats(EIGENVALUES, kl_weight, 2, reduction)
    assert predicted.tolist() == pytest.approx((0.5 * (EIGENVALUES[:2] / beta).log()).tolist())
    assert trained_nats(kl_weight, reduction, 2).tolist() == pytest.approx(predicted.tolist(), abs=1e-4)


def test_components_below_the_weight_collapse():
    assert nats(EIGENVALUES, 1.0, 4)[2:].tolist() == [0, 0]
    assert trained_nats(1.0, "half_sum", 4).tolist() == pytest.approx(nats(EIGENVALUES, 1.0, 4).tolist(), abs=1e-4)
    assert float(nats(EIGENVALUES, 8.0, 5).sum()) == 0
    assert float(nats(EIGENVALUES, 7.9, 5).sum()) > 0


@given(st.floats(0.1, 10), st.floats(1.1, 4))
def test_the_weight_scales_with_the_eigenvalues(kl_weight, factor):
    plain = nats(EIGENVALUES, kl_weight, 5)
    assert torch.allclose(nats(factor * EIGENVALUES, factor * kl_weight, 5), plain)
    assert float(nats(EIGENVALUES, factor * kl_weight, 5).sum()) <= float(plain.sum())
