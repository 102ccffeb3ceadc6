"""Blocks against plain arithmetic."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.layers import AttentionBlock, ResBlock, downsample, group_norm, upsample
from tests.models import reference
from tests.models.common import normal, seeded, shaken


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))
def test_resampling_repeats_and_averages(batch, channels, height, width):
    x = normal(batch, channels, height, width)
    torch.testing.assert_close(upsample(x), reference.nearest_up(x))
    torch.testing.assert_close(downsample(upsample(x)), x)
    even = normal(batch, channels, 2 * height, 2 * width)
    torch.testing.assert_close(downsample(even), reference.mean_down(even))


@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (8, 2), (24, 6), (128, 32), (256, 32)])
def test_groups(channels, groups):
    assert group_norm(channels).num_groups == groups
    assert group_norm(channels).eps == 1e-6


@pytest.mark.parametrize("channels", [3, 6 * 4 + 2, 136])
def test_widths_that_cannot_be_grouped_are_refused(channels):
    with pytest.raises(UserError, match=f"{channels} channels cannot be split"):
        group_norm(channels)


@pytest.mark.parametrize("resampling", [None, "up", "down"])
@pytest.mark.parametrize("out_channels", [8, 12])
@pytest.mark.parametrize("embedding_size", [None, 6])
@pytest.mark.parametrize("fir", [False, True])
def test_res_block(resampling, out_channels, embedding_size, fir):
    settings = {"embedding_size": embedding_size, "dropout": 0.5, "resampling": resampling, "fir": fir}
    block = shaken(seeded(ResBlock, 8, out_channels, **settings))
    x = normal(2, 8, 6, 6)
    embedding = None if embedding_size is None else normal(2, embedding_size, seed=3)
    activated = None if embedding is None else F.silu(embedding)
    weights = iter(block.parameters())
    expected = reference.res_block(weights, x, embedding, out_channels, resampling, fir)
    assert next(weights, None) is None
    torch.testing.assert_close(block(x, activated), expected, atol=1e-5, rtol=1e-5)


def test_res_block_starts_as_its_skip_over_sqrt_two():
    x, embedding = normal(2, 8, 6, 6), normal(2, 6, seed=3)
    plain = seeded(ResBlock, 8, 8, embedding_size=6, dropout=0.0)
    torch.testing.assert_close(plain(x, embedding), x / math.sqrt(2), atol=1e-4, rtol=0)
    wider = seeded(ResBlock, 8, 12, embedding_size=6, dropout=0.0)
    torch.testing.assert_close(wider(x, embedding), wider.skip(x) / math.sqrt(2), atol=1e-4, rtol=0)


def test_dropout_acts_in_training_mode_only():
    block = shaken(seeded(ResBlock, 8, 8, embedding_size=None, dropout=0.5))
    x = normal(1, 8, 4, 4)
    assert torch.equal(block(x), block(x))
    block.train()
    first, second = seeded(block, x, seed=5), seeded(block, x, seed=6)
    assert not torch.equal(first, second)
    assert torch.equal(first, seeded(block, x, seed=5))


def test_attention_is_an_explicit_softmax():
    block = shaken(seeded(AttentionBlock, 8), scale=0.5)
    x = normal(3, 8, 5, 4)
    weights = iter(block.parameters())
    torch.testing.assert_close(block(x), reference.attention(weights, x), atol=1e-5, rtol=1e-5)
    assert next(weights, None) is None


def test_attention_starts_as_the_identity_over_sqrt_two_and_keys_small():
    block = seeded(AttentionBlock, 64)
    x = normal(2, 64, 4, 4)
    torch.testing.assert_close(block(x), x / math.sqrt(2), atol=1e-4, rtol=0)
    # Variance 0.1 / channels for each of query, key and value, although they are stored as one matrix.
    for weight in block.qkv.weight.chunk(3):
        assert abs(weight.std().item() / math.sqrt(0.1 / 64) - 1) < 0.05


@pytest.mark.parametrize("block", [ResBlock(8, 12, embedding_size=None, resampling="down"), AttentionBlock(8)])
def test_channels_last_stays(block):
    x = normal(2, 8, 4, 6).to(memory_format=torch.channels_last)
    y = block.to(memory_format=torch.channels_last).eval()(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, block.to(memory_format=torch.contiguous_format)(x.contiguous()), atol=1e-5, rtol=1e-5)
