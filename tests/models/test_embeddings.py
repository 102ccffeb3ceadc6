"""Embeddings against loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.errors import UserError
from drl.models.embeddings import FourierEmbedding, NoiseEmbedding, PositionalEmbedding, TimeEmbedding
from tests.models.common import parameters, seeded


def test_fourier_features_are_sines_then_cosines():
    embedding = seeded(FourierEmbedding, 5, 2.0)
    numbers = torch.tensor([-4.6, 0.0, 1.3])
    for row, number in zip(embedding(numbers), numbers, strict=True):
        angles = [2 * math.pi * w * number.item() for w in embedding.frequencies.tolist()]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        torch.testing.assert_close(row, torch.tensor(expected), atol=2e-5, rtol=0)


def test_fourier_frequencies_are_saved_but_not_trained():
    embedding = seeded(FourierEmbedding, 4000, 16.0)
    assert parameters(embedding) == 0
    assert set(embedding.state_dict()) == {"frequencies"}
    assert abs(embedding.frequencies.std().item() - 16) < 1
    assert abs(embedding.frequencies.mean().item()) < 1


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 33), st.floats(0, 999))
def test_positional_features_follow_ddpm(size, position):
    embedding = PositionalEmbedding(size)
    assert not embedding.state_dict()
    features = embedding(torch.tensor([position], dtype=torch.float64))[0]
    half = size // 2
    angles = [position * math.exp(-math.log(10000) * i / (half - 1)) for i in range(half)]
    expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles] + [0.0] * (size % 2)
    # The frequencies are kept in single precision: an angle of 999 is known to about 1e-4.
    torch.testing.assert_close(features, torch.tensor(expected, dtype=torch.float64), atol=2e-4, rtol=0)


def test_positional_size_must_leave_two_frequencies():
    with pytest.raises(UserError, match="size 3 is too small"):
        PositionalEmbedding(3)


@pytest.mark.parametrize("kind", ["fourier", "positional"])
def test_noise_embedding_is_two_linears_with_swish_between(kind):
    module = seeded(NoiseEmbedding, 8, kind, 1.5)
    level = torch.tensor([0.01, 0.7, 50.0])
    features = module.features(level.log() if kind == "fourier" else level)
    hidden = features @ module.mlp.linear_0.weight.T + module.mlp.linear_0.bias
    expected = (hidden * torch.sigmoid(hidden)) @ module.mlp.linear_1.weight.T + module.mlp.linear_1.bias
    torch.testing.assert_close(module(level), expected)
    assert module(level).shape == (3, 32)


def test_unknown_embedding_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'fourier'"):
        NoiseEmbedding(8, "fourrier")


def test_time_embedding_is_the_noise_embedding_of_sigma():
    of_time = seeded(TimeEmbedding, 4, fourier_scale=1.0, sigma_min=0.1, sigma_max=10.0)
    of_noise = seeded(NoiseEmbedding, 4, "fourier", 1.0)
    of_noise.load_state_dict(of_time.state_dict())
    t = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(of_time(t), of_noise(0.1 * 100**t), atol=1e-5, rtol=1e-5)
    with pytest.raises(UserError, match="need 0 < sigma_min < sigma_max"):
        TimeEmbedding(4, sigma_min=1.0, sigma_max=1.0)
