"""What all encoders have in common."""

from __future__ import annotations

import pytest
import torch

from drl.models.conv_autoencoder import ConvEncoder
from drl.models.encoder import Encoder
from drl.models.unet_encoder import UNetEncoder
from drl.models.wide_resnet import WideResNet
from tests.models.common import normal, seeded, shaken

WRN = {"depth": 10, "width": 1, "nf": 4, "fourier_scale": 1.0}
UNET = {"image_size": 8, "nf": 4, "blocks": 1, "code_size": 3, "fourier_scale": 1.0}
BUILDERS = {
    "wide_resnet": (WideResNet, WRN),
    "wide_resnet_static": (WideResNet, {**WRN, "time": False}),
    "unet": (UNetEncoder, UNET),
    "unet_timed": (UNetEncoder, {**UNET, "time": True}),
    "convolutional": (ConvEncoder, {"image_size": 8, "code_size": 5}),
}


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize("probabilistic", [False, True])
def test_codes_have_the_size_and_dependence_that_the_encoder_declares(name, probabilistic):
    build, settings = BUILDERS[name]
    encoder = shaken(seeded(build, **settings, probabilistic=probabilistic))
    assert isinstance(encoder, Encoder)
    x = normal(2, 3, 8, 8)
    early, late = (encoder.latent(x, torch.full((2,), t)) for t in (0.1, 0.9))
    assert early[0].shape == (2, encoder.code_size)
    assert (early[1] is not None) == probabilistic
    if probabilistic:
        assert early[1].shape == (2, encoder.code_size)
        assert torch.equal(early[1], late[1]) != encoder.time
    assert torch.equal(early[0], late[0]) != encoder.time
    assert not torch.equal(early[0][0], early[0][1])


def test_an_encoder_must_say_how_it_encodes():
    with pytest.raises(TypeError, match="latent"):
        Encoder()
