"""Fan_avg initialisation against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.models.init import conv, dense, fan_avg_uniform_, lecun_normal_, linear


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([(), (1, 1), (3, 3)]), st.sampled_from([0.0, 0.1, 1.0]))
def test_values_fill_the_interval_of_the_variance(out_size, in_size, field, scale):
    weight = torch.empty(out_size, in_size, *field)
    fan_avg_uniform_(weight, scale, torch.Generator().manual_seed(0))
    area = math.prod(field)
    limit = math.sqrt(3 * (scale if scale else 1e-10) / ((in_size * area + out_size * area) / 2))
    assert weight.abs().max() <= limit * (1 + 1e-6)
    if weight.numel() > 200:
        assert weight.abs().max() > 0.95 * limit
        assert abs(weight.std().item() / (limit / math.sqrt(3)) - 1) < 0.2


def test_generator_decides_and_default_generator_is_left_alone():
    before = torch.random.get_rng_state()
    first = fan_avg_uniform_(torch.empty(4, 5), 1.0, torch.Generator().manual_seed(3))
    second = fan_avg_uniform_(torch.empty(4, 5), 1.0, torch.Generator().manual_seed(3))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("layer", [linear(3, 4), conv(3, 4, 3), dense(3, 4)])
def test_biases_start_at_zero(layer):
    assert not layer.bias.any()
    assert layer.weight.requires_grad


@pytest.mark.parametrize("fan_in", [1, 48])
def test_lecun_normal_has_unit_gain_and_no_tails(fan_in):
    weight = lecun_normal_(torch.empty(300, 100), fan_in, torch.Generator().manual_seed(0))
    assert abs(weight.std().item() * math.sqrt(fan_in) - 1) < 0.02
    assert abs(weight.mean().item() * math.sqrt(fan_in)) < 0.02
    # Cut off at two standard deviations of the normal distribution, which is 2.27 of its own.
    assert 2.2 < weight.abs().max().item() * math.sqrt(fan_in) < 2.2738
    middle = (weight.abs() * math.sqrt(fan_in) < 1 / 0.8796).float().mean().item()
    assert abs(middle - math.erf(1 / math.sqrt(2)) / math.erf(math.sqrt(2))) < 0.01


def test_dense_keeps_the_variance_of_its_input():
    layer = dense(400, 300)
    y = layer(torch.randn(200, 400, generator=torch.Generator().manual_seed(1)))
    assert abs(y.std().item() - 1) < 0.1
