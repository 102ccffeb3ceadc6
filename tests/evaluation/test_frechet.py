"""The Fréchet distance against scipy's general matrix root, and against closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from drl.errors import UserError
from drl.evaluation.frechet import Statistics, frechet_distance


def features(seed, n=40, d=6, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return shift + scale * torch.randn(n, d, generator=generator, dtype=torch.float64) @ mixing


def slow_reference(x, y):
    x, y = x.numpy(), y.numpy()
    c_x, c_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(c_x + c_y - 2 * np.real(sqrtm(c_x @ c_y)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-3, 3), scale=st.floats(0.1, 5))
def test_matches_the_definition(seed, shift, scale):
    x, y = features(seed), features(seed + 1, shift=shift, scale=scale)
    assert frechet_distance(Statistics.of(x), Statistics.of(y)) == pytest.approx(slow_reference(x, y), rel=1e-6)


def test_of_a_set_and_itself_is_zero():
    same = Statistics.of(features(3))
    assert frechet_distance(same, same) == pytest.approx(0, abs=1e-9)


def test_is_symmetric_and_does_not_look_at_order():
    x, y = features(1), features(2, shift=0.5)
    forward = frechet_distance(Statistics.of(x), Statistics.of(y))
    assert frechet_distance(Statistics.of(y.flip(0)), Statistics.of(x)) == pytest.approx(forward, rel=1e-9)


def test_closed_form_of_scaled_features():
    x = features(5)
    a = Statistics.of(x)
    assert frechet_distance(a, Statistics.of(3 * x - 2 * x.mean(0))) == pytest.approx(4 * float(a.covariance.trace()))


def test_features_that_are_always_zero_are_no_trouble():
    x, y = features(7), features(8)
    x[:, 2] = y[:, 2] = 0
    assert frechet_distance(Statistics.of(x), Statistics.of(y)) == pytest.approx(slow_reference(x, y), rel=1e-6)


def test_too_few_images_are_refused():
    with pytest.raises(UserError, match=r"6 images are too few .* 6 features; use more than 6 images"):
        Statistics.of(features(0, n=6))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused(value):
    features = torch.zeros(5, 2)
    features[1, 1] = value
    with pytest.raises(UserError, match="not finite"):
        Statistics.of(features)
