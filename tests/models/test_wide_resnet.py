"""The encoder: exact sizes, a plain re-statement of its arithmetic, its dependence on t."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.wide_resnet import WideResNet
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

TOY = {"depth": 10, "width": 1, "nf": 4, "fourier_scale": 1.0, "classes": 3}


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1_534_155),
        ({"probabilistic": True}, 1_567_179),
        ({"classes": 100}, 1_545_765),
        ({"time": False}, 1_469_642),
    ],
)
def test_sizes_of_the_paper(options, count):
    network = WideResNet(**options)
    assert parameters(network) == count
    assert network.feature_size == 128


def plain_norm(x, norm, training):
    """Batch normalisation written out."""
    mean, var = (
        (x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)) if training else (norm.running_mean, norm.running_var)
    )
    wide = lambda v: v[:, None, None]  # noqa: E731
    return (x - wide(mean)) / torch.sqrt(wide(var) + norm.eps) * wide(norm.weight) + wide(norm.bias)


def plain(network, x, t, n, training):
    """Compute the features with functional calls; strides and widths are stated here, not read off the network."""
    sigma = 0.01 * 5000**t
    angles = 2 * math.pi * torch.log(sigma)[:, None] * network.embedding.features.frequencies
    mlp = network.embedding.mlp
    embedding = torch.cat([angles.sin(), angles.cos()], 1) @ mlp.linear_0.weight.T + mlp.linear_0.bias
    embedding = reference.swish(embedding) @ mlp.linear_1.weight.T + mlp.linear_1.bias
    h = F.conv2d(x, network.conv.weight, network.conv.bias, padding=1)
    for i, block in enumerate(network.blocks):
        stride = 2 if i in (n, 2 * n) else 1
        raw = h
        h = F.conv2d(F.relu(plain_norm(h, block.norm_0, training)), block.conv_0.weight, block.conv_0.bias, padding=1)
        h = h + (reference.swish(embedding) @ block.shift.weight.T + block.shift.bias)[:, :, None, None]
        h = F.relu(plain_norm(h, block.norm_1, training))
        h = F.conv2d(h, block.conv_1.weight, block.conv_1.bias, stride=stride, padding=1)
        if raw.shape != h.shape:
            raw = F.conv2d(raw, block.shortcut.weight, block.shortcut.bias, stride=stride)
        h = h + raw
    return F.relu(plain_norm(h, network.norm, training)).flatten(2).mean(2)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("size", "depth", "width"), [(8, 10, 1), (9, 16, 2)])
def test_features_with_functional_calls(training, size, depth, width):
    network = shaken(seeded(WideResNet, **{**TOY, "depth": depth, "width": width}), scale=0.05).train(training)
    for i, norm in enumerate(m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean += 0.1 * normal(norm.num_features, seed=i)
        norm.running_var *= 0.5 + normal(norm.num_features, seed=i).square()
    x, t = normal(3, 3, size, size), torch.tensor([0.0, 0.4, 1.0])
    with torch.no_grad():
        expected = plain(network, x, t, (depth - 4) // 6, training)
        torch.testing.assert_close(network(x, t), expected, atol=1e-4, rtol=1e-4)
    assert expected.shape == (3, 64 * width)
    assert expected.min() >= 0


def test_batch_norm_momenta():
    norms = {name: m for name, m in WideResNet(**TOY).named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms.pop("norm").momentum == 0.9
    assert len(norms) == 6
    assert {m.momentum for m in norms.values()} == {0.1}


def test_t_changes_the_features_and_a_learned_t_is_the_sigmoid_of_its_logit():
    network = shaken(seeded(WideResNet, **TOY))
    x = normal(2, 3, 8, 8)
    assert (network(x, torch.tensor([0.2, 0.2])) - network(x, torch.tensor([0.9, 0.9]))).abs().max() > 1e-3
    with torch.no_grad():
        network.param_t.fill_(math.log(0.9 / 0.1))
    torch.testing.assert_close(network(x), network(x, torch.tensor([0.9, 0.9])), atol=1e-5, rtol=1e-5)
    network(x).sum().backward()
    assert network.param_t.grad.abs() > 0


def test_learned_t_starts_in_the_middle():
    assert torch.sigmoid(WideResNet(**TOY).param_t) == 0.5


def test_network_without_time_ignores_t():
    network = shaken(seeded(WideResNet, **TOY, time=False))
    x = normal(2, 3, 8, 8)
    assert torch.equal(network(x), network(x, torch.tensor([0.1, 0.9])))
    assert not any("time" in name or "param_t" in name for name in network.state_dict())


def test_latent_is_the_feature_vector_or_a_linear_map_of_it():
    x, t = normal(2, 3, 8, 8), torch.tensor([0.1, 0.9])
    plain_encoder = shaken(seeded(WideResNet, **TOY))
    mean, log_variance = plain_encoder.latent(x, t)
    assert log_variance is None
    assert torch.equal(mean, plain_encoder.features(x, t))
    network = shaken(seeded(WideResNet, **TOY, probabilistic=True))
    mean, log_variance = network.latent(x, t)
    linear = network.linear_latent
    both = network.features(x, t) @ linear.weight.T + linear.bias
    torch.testing.assert_close(torch.cat([mean, log_variance], 1), both)
    assert mean.shape == log_variance.shape == (2, 64)
    expected = network(x, t) @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network.logits(x, t), expected)


def test_gradients_of_pretraining_reach_everything_but_head_and_learned_t():
    network = shaken(seeded(WideResNet, **TOY, probabilistic=True)).train()
    mean, log_variance = network.latent(normal(4, 3, 8, 8), torch.rand(4, generator=torch.Generator().manual_seed(0)))
    (mean.square().sum() + log_variance.sum()).backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    assert without == {"param_t", "classifier.weight", "classifier.bias"}
    assert all(p.grad.abs().max() > 0 for n, p in network.named_parameters() if n not in without)


@pytest.mark.parametrize("size", [84, 32, 28, 9])
def test_image_sizes(size):
    assert WideResNet(**TOY, channels=1)(normal(1, 1, size, size), torch.tensor([0.5])).shape == (1, 64)


def test_round_trip_through_safetensors_with_running_statistics():
    first, second = shaken(seeded(WideResNet, **TOY)).train(), seeded(WideResNet, **TOY, seed=9).eval()
    x, t = normal(4, 3, 8, 8), torch.tensor([0.1, 0.3, 0.5, 0.9])
    first(x, t)
    first.eval()
    second.load_state_dict(load(save(first.state_dict())))
    assert torch.equal(first(x, t), second(x, t))


@settings(max_examples=30, deadline=None)
@given(st.integers(-5, 60))
def test_depth_must_be_six_n_plus_four(depth):
    if depth in range(10, 61, 6):
        assert len(WideResNet(**{**TOY, "depth": depth}).blocks) == (depth - 4) // 2
    else:
        with pytest.raises(UserError, match=f"depth {depth} is not 6 n"):
            WideResNet(**{**TOY, "depth": depth})


@pytest.mark.parametrize(("change", "message"), [({"width": 0}, "width 0"), ({"sigma_max": 0.001}, "sigma_max 0.001")])
def test_settings_that_cannot_work(change, message):
    with pytest.raises(UserError, match=message):
        WideResNet(**{**TOY, **change})
