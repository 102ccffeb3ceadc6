"""NT-Xent beside Chen et al.'s Eq. 1 in loops, and the projection head."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from drl.methods.contrastive import nt_xent, projection_head


def pairs(n, width=6, seed=0):
    return torch.randn(2, n, width, generator=torch.Generator().manual_seed(seed)).unbind(0)


def slow_nt_xent(a, b, temperature):
    """Each image's mean of l(i, j) and l(j, i)."""
    n = len(a)
    views = [*a.double(), *b.double()]

    def similarity(u, v):
        return math.exp(float(u @ v / (u.norm() * v.norm())) / temperature)

    def one(i, j):
        others = sum(similarity(views[i], views[k]) for k in range(2 * n) if k != i)
        return -math.log(similarity(views[i], views[j]) / others)

    return torch.tensor([(one(i, i + n) + one(i + n, i)) / 2 for i in range(n)])


@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_nt_xent_in_loops(n, temperature):
    a, b = pairs(n)
    torch.testing.assert_close(nt_xent(a, b, temperature), slow_nt_xent(a, b, temperature).float())


def test_closed_forms():
    """Equal views of everything: a guess among 2B - 1. Orthogonal images with equal views: known logits."""
    same = torch.ones(4, 3)
    torch.testing.assert_close(nt_xent(same, same, 0.5), torch.full((4,), math.log(7)))
    orthogonal = torch.eye(4)
    expected = math.log(math.exp(2) + 6) - 2
    torch.testing.assert_close(nt_xent(orthogonal, orthogonal, 0.5), torch.full((4,), expected))


@given(st.integers(2, 8), st.integers(0, 100), st.floats(0.1, 100), st.floats(0.1, 2))
@settings(max_examples=40, deadline=None)
def test_invariances(n, seed, factor, temperature):
    a, b = pairs(n, seed=seed)
    losses = nt_xent(a, b, temperature)
    permutation = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(nt_xent(b, a, temperature), losses, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(nt_xent(factor * a, b, temperature), losses, atol=1e-4, rtol=1e-4)
    permuted = nt_xent(a[permutation], b[permutation], temperature)
    torch.testing.assert_close(permuted, losses[permutation], atol=1e-4, rtol=1e-4)


def test_autocast_changes_nothing():
    a, b = pairs(16, seed=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = nt_xent(a, b, 0.07)
    assert torch.equal(inside, nt_xent(a, b, 0.07))


def test_gradients():
    a, b = pairs(3)
    step, numeric = 1e-2, torch.zeros(a.numel())
    for i, change in enumerate(step * torch.eye(a.numel()).view(-1, *a.shape)):
        above, below = (slow_nt_xent(a + sign * change, b, 0.5).sum() for sign in (1, -1))
        numeric[i] = float(above - below) / (2 * step)
    a.requires_grad_()
    nt_xent(a, b, 0.5).sum().backward()
    torch.testing.assert_close(a.grad, numeric.view_as(a), atol=2e-3, rtol=0)


def test_projection_head():
    head = projection_head(5, [7, 3])
    assert [type(layer) for layer in head] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [head[0].in_features, head[0].out_features, head[2].out_features] == [5, 7, 3]
    assert [type(layer) for layer in projection_head(5, [4])] == [nn.Linear]
