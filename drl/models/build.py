"""Build networks from their settings. Only this module knows every `kind`."""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from drl.config.base import Settings
from drl.config.networks import (
    DecoderSettings,
    EncoderSettings,
    NCSNppSettings,
    UNetDecoderSettings,
    UNetEncoderSettings,
    WideResNetSettings,
)
from drl.models.conv_autoencoder import ConvDecoder, ConvEncoder
from drl.models.decoder import UNetDecoder
from drl.models.encoder import Encoder
from drl.models.ncsnpp import NCSNpp
from drl.models.unet_encoder import UNetEncoder
from drl.models.wide_resnet import WideResNet


class Facts(Protocol):
    """Facts about the images that networks need."""

    @property
    def channels(self) -> int:
        """1 or 3."""
        ...

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...


def build_encoder(settings: EncoderSettings | None, facts: Facts, probabilistic: bool) -> Encoder:
    """Build E(x, t).

    Args:
        settings: The recipe's `encoder` section; not None if the method encodes.
        facts: Size of the images.
        probabilistic: Whether the code is Gaussian.
    """
    assert settings is not None
    values = _arguments(settings)
    if isinstance(settings, WideResNetSettings):
        return WideResNet(channels=facts.channels, classes=facts.classes, probabilistic=probabilistic, **values)
    values |= {"channels": facts.channels, "image_size": facts.image_size, "probabilistic": probabilistic}
    return UNetEncoder(**values) if isinstance(settings, UNetEncoderSettings) else ConvEncoder(**values)


def build_score_network(settings: NCSNppSettings | None, facts: Facts, encoder: Encoder | None) -> NCSNpp:
    """Build the score network.

    Args:
        settings: The recipe's `score` section; not None if the method estimates scores.
        facts: Size of the images.
        encoder: The encoder whose codes condition it; None builds an unconditional network.
    """
    assert settings is not None
    values = _arguments(settings, "scale_by_sigma")  # belongs to the preconditioning, outside the network
    if encoder is not None:
        values |= {"code_time": encoder.time}
    code_size = None if encoder is None else encoder.code_size
    return NCSNpp(channels=facts.channels, image_size=facts.image_size, code_size=code_size, **values)


def build_decoder(settings: DecoderSettings | None, facts: Facts, encoder: Encoder) -> nn.Module:
    """Build D(z, noise level), which maps codes [B, D] to images [B, C, H, W].

    Args:
        settings: The recipe's `decoder` section; not None if the method reconstructs.
        facts: Size of the images.
        encoder: The encoder whose codes it decodes.
    """
    assert settings is not None
    values = _arguments(settings, "output")  # belongs to the loss
    values |= {"channels": facts.channels, "image_size": facts.image_size, "code_size": encoder.code_size}
    return UNetDecoder(**values) if isinstance(settings, UNetDecoderSettings) else ConvDecoder(**values)


def _arguments(settings: Settings, *elsewhere: str) -> dict[str, Any]:
    """Return a network's settings as the arguments of its class, which have the same names."""
    return settings.model_dump(exclude={"kind", *elsewhere})
