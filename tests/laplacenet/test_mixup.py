import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional as F

from drl.laplacenet.mixup import mixed_entropy, mixture


@pytest.mark.parametrize("alpha", [0.3, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha):
    source = torch.Generator().manual_seed(0)
    shares = [mixture(3, alpha, source)[0] for _ in range(800)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert stats.kstest(shares, stats.beta(2 * alpha + 2, alpha).cdf).pvalue < 0.01


def test_the_order_is_a_permutation_and_the_draws_repeat():
    first, second = (mixture(50, 1.0, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first[0] == second[0]
    assert torch.equal(first[1], second[1])
    assert torch.equal(first[1].sort().values, torch.arange(50))
    assert not torch.equal(first[1], torch.arange(50))


def test_without_mixing_nothing_is_drawn():
    source = torch.Generator().manual_seed(0)
    before = source.get_state()
    share, order = mixture(4, None, source)
    assert share == 1.0
    assert torch.equal(order, torch.arange(4))
    assert torch.equal(source.get_state(), before)


def test_the_entropy_is_that_of_mixed_targets():
    source = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 4, generator=source)
    targets, order = torch.tensor([0, 1, 2, 3, 0, 1]), torch.randperm(6, generator=source)
    mixed = 0.3 * F.one_hot(targets, 4).double() + 0.7 * F.one_hot(targets[order], 4).double()
    probabilities = np.exp(logits.double().numpy())
    probabilities /= probabilities.sum(1, keepdims=True)
    expected = -(mixed.numpy() * np.log(probabilities)).sum(1).mean()
    found = mixed_entropy(logits, targets, order, 0.3)
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(expected, rel=1e-12)
    assert mixed_entropy(logits, targets, None, 1.0) == F.cross_entropy(logits.double(), targets)
