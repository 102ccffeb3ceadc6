"""The stand-alone convolution networks: sizes, padding, arithmetic."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.conv_autoencoder import ConvDecoder, ConvEncoder
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken


def layer(before, after):
    return before * after + after


def test_sizes_of_the_paper():
    convs = layer(16 * 3, 32) + 3 * layer(16 * 32, 32)
    dense = layer(2 * 2 * 32, 256) + layer(256, 256)
    assert parameters(ConvEncoder(image_size=32)) == convs + dense + layer(256, 8) == 151_688
    assert parameters(ConvEncoder(image_size=32, probabilistic=True)) == convs + dense + layer(256, 16)
    dense = layer(8, 256) + layer(256, 256) + layer(256, 512)
    convs = 3 * layer(16 * 32, 32) + layer(16 * 32, 3)
    assert parameters(ConvDecoder(image_size=32)) == dense + convs == 250_467


def same(h, kernel, stride):
    """Pad as "SAME" does: outputs of size ceil(n / stride), what is odd goes behind."""
    n = h.shape[-1]
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    before, behind = total // 2, total - total // 2
    return F.pad(h, (before, behind, before, behind))


@pytest.mark.parametrize("size", [32, 28, 16, 9, 8, 1])
def test_encoder_by_hand(size):
    network = shaken(seeded(ConvEncoder, image_size=size, channels=1, code_size=3))
    weights, h = iter(network.parameters()), normal(2, 1, size, size)
    mean, log_variance = network.latent(h)
    for _ in range(4):
        h = reference.swish(F.conv2d(same(h, 4, 2), next(weights), next(weights), stride=2))
    h = h.reshape(2, -1)
    for _ in range(2):
        h = reference.swish(reference.take(weights, h))
    torch.testing.assert_close(mean, reference.take(weights, h), atol=1e-4, rtol=1e-4)
    assert next(weights, None) is None
    assert log_variance is None


@pytest.mark.parametrize(("size", "lowest"), [(32, 4), (28, 4), (16, 2), (8, 1), (5, 1)])
def test_decoder_by_hand(size, lowest):
    network = shaken(seeded(ConvDecoder, image_size=size, code_size=3))
    z = normal(2, 3)
    weights, h = iter(network.parameters()), z
    for _ in range(3):
        h = reference.swish(reference.take(weights, h))
    h = h.reshape(2, 32, lowest, lowest)
    for _ in range(3):
        # Zeros between the pixels, two more around them, then an ordinary convolution with the kernel turned round.
        weight, bias = next(weights), next(weights)
        stuffed = torch.zeros(2, 32, 2 * h.shape[2] - 1, 2 * h.shape[3] - 1)
        stuffed[..., ::2, ::2] = h
        h = reference.swish(F.conv2d(F.pad(stuffed, (2, 2, 2, 2)), weight.flip(2, 3).transpose(0, 1), bias))
    h = F.conv2d(same(h, 4, 1), next(weights), next(weights))
    assert next(weights, None) is None
    cut = (8 * lowest - size) // 2
    expected = h[:, :, cut : cut + size, cut : cut + size]
    assert expected.shape == (2, 3, size, size)
    torch.testing.assert_close(network(z), expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(network(z), network(z, torch.tensor([0.1, 5.0])))


def test_gaussian_code_is_the_split_of_the_last_layer():
    network = shaken(seeded(ConvEncoder, image_size=8, code_size=3, probabilistic=True))
    caught = []
    network.dense[2].register_forward_hook(lambda module, inputs, output: caught.append(output))
    mean, log_variance = network.latent(normal(2, 3, 8, 8))
    assert torch.equal(torch.cat([mean, log_variance], dim=1), caught[0])
    assert mean.shape == (2, 3)


def test_gradients_reach_every_parameter():
    encoder, decoder = seeded(ConvEncoder, image_size=16, code_size=4), seeded(ConvDecoder, image_size=16, code_size=4)
    decoder(encoder.latent(normal(2, 3, 16, 16))[0]).square().sum().backward()
    for network in (encoder, decoder):
        for name, p in network.named_parameters():
            assert p.grad is not None, name
            assert p.grad.abs().max() > 0, name


def test_round_trip_through_safetensors():
    x = normal(2, 1, 8, 8)
    for build, give in ((ConvEncoder, lambda n: n.latent(x)[0]), (ConvDecoder, lambda n: n(x[:, 0, 0]))):
        first = seeded(build, image_size=8, channels=1)
        second = seeded(build, image_size=8, channels=1, seed=9)
        assert not torch.equal(give(first), give(second))
        second.load_state_dict(load(save(first.state_dict())))
        assert torch.equal(give(first), give(second))


@pytest.mark.parametrize("build", [ConvEncoder, ConvDecoder])
@pytest.mark.parametrize("name", ["image_size", "channels", "code_size"])
def test_settings_that_cannot_work(build, name):
    with pytest.raises(UserError, match=f"{build.__name__}: {name} is 0"):
        build(**{"image_size": 8, name: 0})


def test_images_of_another_size():
    with pytest.raises(UserError, match=r"shape \(3, 16, 16\); this network takes \(3, 8, 8\)"):
        ConvEncoder(image_size=8).latent(normal(1, 3, 16, 16))
