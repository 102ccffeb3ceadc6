"""The U-Net encoder: exact sizes, a flat re-statement of its arithmetic, its options."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save

from drl.errors import UserError
from drl.models.unet_encoder import UNetEncoder
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

TOY = {"image_size": 8, "nf": 8, "attention_resolutions": (8,), "fourier_scale": 1.0}


def layer(before, after):
    return before * after + after


def block(before, after, embedding=0, resampling=False):
    skip = layer(before, after) if before != after or resampling else 0
    shift = layer(embedding, after) if embedding else 0
    return 2 * before + layer(9 * before, after) + 2 * after + layer(9 * after, after) + skip + shift


def attention(width):
    return 2 * width + 4 * layer(width, width)


def test_size_of_the_encoder_of_digits():
    down = layer(9, 32) + 2 * block(32, 32) + block(32, 32, resampling=True) + block(32, 64) + block(64, 64)
    head = block(64, 32) + attention(32)
    dense = layer(14 * 14 * 32, 64) + layer(64, 32) + layer(32, 2)
    assert parameters(UNetEncoder(image_size=28, channels=1)) == down + head + dense == 626_978


def test_size_of_a_timed_encoder_of_colour_images():
    # 8 entries are as many as nf, so that the second dense layer has 2 nf outputs.
    time = layer(16, 32) + layer(32, 32)
    down = layer(27, 8) + block(8, 8, 32)
    head = 2 * block(8, 8, 32) + attention(8)
    dense = layer(8 * 8 * 8, 16) + layer(16, 16) + layer(16, 8)
    network = UNetEncoder(image_size=8, nf=8, channel_multipliers=(1,), blocks=1, code_size=8, head="wide", time=True)
    assert parameters(network) == time + down + head + dense == 15_136


def test_options_change_the_size_by_what_they_add():
    plain = parameters(UNetEncoder(**TOY))
    # The image of 3 channels becomes 8 at the only halving.
    assert parameters(UNetEncoder(**TOY, input_pyramid="residual")) == plain + layer(27, 8)
    assert parameters(UNetEncoder(**TOY, fir=True)) == plain
    # Gaussian: second layer 16 -> 16 for 16 -> 8, last 16 -> 4 for 8 -> 2.
    wider = layer(16, 16) - layer(16, 8) + layer(16, 4) - layer(8, 2)
    assert parameters(UNetEncoder(**TOY, probabilistic=True)) == plain + wider


@pytest.mark.parametrize("head", ["narrow", "wide"])
@pytest.mark.parametrize("time", [False, True])
@pytest.mark.parametrize(("fir", "pyramid"), [(False, "none"), (False, "residual"), (True, "residual")])
def test_codes_from_the_flat_list_of_parameters(head, time, fir, pyramid):
    network = shaken(seeded(UNetEncoder, **TOY, head=head, time=time, fir=fir, input_pyramid=pyramid))
    x, t = normal(2, 3, 8, 8), torch.tensor([0.1, 0.8])
    weights, embedding = iter(network.parameters()), None
    with torch.no_grad():
        if time:
            angles = 2 * torch.pi * torch.log(0.01 * 5000**t)[:, None] * network.embedding.features.frequencies
            hidden = reference.take(weights, torch.cat([angles.sin(), angles.cos()], dim=1))
            embedding = reference.take(weights, reference.swish(hidden))
        h = reference.down_path(weights, x, embedding, 8, (1, 2), 2, {8}, fir, pyramid == "residual")[-1]
        if head == "wide":
            h = reference.middle(weights, h, embedding)
        else:
            h = reference.attention(weights, reference.res_block(weights, h, embedding, 8))
        h = h.reshape(2, -1)
        for _ in range(3):
            h = reference.take(weights, reference.swish(h))
        assert next(weights, None) is None
        mean, log_variance = network.latent(x, t)
    torch.testing.assert_close(mean, h, atol=1e-4, rtol=1e-4)
    assert log_variance is None
    assert h.std() > 1e-2


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_offset_is_taken_off_the_log_variance_only(offset):
    network = shaken(seeded(UNetEncoder, **TOY, probabilistic=True, log_variance_offset=offset))
    plain = shaken(seeded(UNetEncoder, **TOY, probabilistic=True))
    x = normal(2, 3, 8, 8)
    (mean, log_variance), (same, without) = network.latent(x), plain.latent(x)
    assert torch.equal(mean, same)
    torch.testing.assert_close(log_variance, without - offset)


@pytest.mark.parametrize(
    ("size", "channels", "multipliers"),
    [(32, 3, (1, 2, 2, 2)), (32, 3, (1, 1, 1)), (28, 1, (1, 2)), (16, 1, (1, 2)), (8, 3, (1, 2)), (7, 1, (1,))],
)
@pytest.mark.parametrize("head", ["narrow", "wide"])
def test_image_sizes(size, channels, multipliers, head):
    network = seeded(
        UNetEncoder, image_size=size, channels=channels, nf=4, channel_multipliers=multipliers, blocks=1, code_size=16,
        head=head, fir=True, input_pyramid="residual", attention_resolutions=(16,),
    )  # fmt: skip
    assert network.latent(normal(1, channels, size, size))[0].shape == (1, 16)


@pytest.mark.parametrize("head", ["narrow", "wide"])
def test_gradients_reach_every_parameter(head):
    network = shaken(seeded(UNetEncoder, **TOY, head=head, time=True, probabilistic=True)).train()
    mean, log_variance = network.latent(normal(2, 3, 8, 8), torch.tensor([0.3, 0.7]))
    (mean.square().sum() + log_variance.sum()).backward()
    for name, p in network.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().max() > 0, name


def test_round_trip_through_safetensors():
    settings = {**TOY, "time": True, "fir": True, "input_pyramid": "residual"}
    first, second = shaken(seeded(UNetEncoder, **settings)), seeded(UNetEncoder, **settings, seed=9).eval()
    second.load_state_dict(load(save(first.state_dict())))
    x, t = normal(2, 3, 8, 8), torch.tensor([0.3, 0.7])
    assert torch.equal(first.latent(x, t)[0], second.latent(x, t)[0])


def test_channels_last_changes_nothing():
    network = shaken(seeded(UNetEncoder, **TOY, head="wide"))
    x = normal(2, 3, 8, 8)
    expected = network.latent(x)[0]
    turned = network.to(memory_format=torch.channels_last).latent(x.to(memory_format=torch.channels_last))[0]
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "broad"}, "unknown head 'broad'"),
        ({"code_size": 0}, "code_size is 0"),
        ({"image_size": 9}, "image_size 9 cannot be halved"),
        ({"time": True, "sigma_max": 0.001}, "sigma_max 0.001"),
        ({"nf": 3}, "normalisation groups"),
    ],
)
def test_settings_that_cannot_work(change, message):
    with pytest.raises(UserError, match=message) as caught:
        UNetEncoder(**{**TOY, **change})
    assert "\n" not in str(caught.value)


def test_inputs_that_cannot_work():
    network = seeded(UNetEncoder, **TOY, time=True)
    with pytest.raises(UserError, match=r"images of shape \(1, 8, 8\); this network takes \(3, 8, 8\)"):
        network.latent(normal(2, 1, 8, 8), torch.tensor([0.1, 0.2]))
    with pytest.raises(UserError, match="t is missing"):
        network.latent(normal(2, 3, 8, 8))
