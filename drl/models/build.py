"""Networks by their settings: the one place that knows every `kind`."""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from drl.models.conv_autoencoder import ConvDecoder, ConvEncoder
from drl.models.decoder import UNetDecoder
from drl.models.encoder import Encoder
from drl.models.ncsnpp import NCSNpp
from drl.models.unet_encoder import UNetEncoder
from drl.models.wide_resnet import WideResNet


class Facts(Protocol):
    """What must be known of the images."""

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


def build_encoder(settings: dict[str, Any], facts: Facts, probabilistic: bool) -> Encoder:
    """Build E(x, t).

    Args:
        settings: A recipe's `encoder` section.
        facts: Size of the images.
        probabilistic: Whether the code is Gaussian.
    """
    values = _without_kind(settings)
    if settings["kind"] == "wide_resnet":
        return WideResNet(channels=facts.channels, classes=facts.classes, probabilistic=probabilistic, **values)
    kind = {"unet": UNetEncoder, "convolutional": ConvEncoder}[settings["kind"]]
    encoder: Encoder = kind(channels=facts.channels, image_size=facts.image_size, probabilistic=probabilistic, **values)
    return encoder


def build_score_network(settings: dict[str, Any], facts: Facts, encoder: Encoder | None) -> NCSNpp:
    """Build the score network.

    Args:
        settings: A recipe's `score` section.
        facts: Size of the images.
        encoder: Whose codes condition it; None builds an unconditional network.
    """
    values = _without_kind(settings)
    values.pop("scale_by_sigma")  # belongs to the preconditioning, outside the network
    if encoder is not None:
        values |= {"code_time": encoder.time}
    code_size = None if encoder is None else encoder.code_size
    return NCSNpp(channels=facts.channels, image_size=facts.image_size, code_size=code_size, **values)


def build_decoder(settings: dict[str, Any], facts: Facts, encoder: Encoder) -> nn.Module:
    """Build D(z, noise label), from codes [B, D] to images [B, C, H, W].

    Args:
        settings: A recipe's `decoder` section.
        facts: Size of the images.
        encoder: Whose codes it decodes.
    """
    values = _without_kind(settings)
    values.pop("output")  # belongs to the loss
    kind = {"unet": UNetDecoder, "convolutional": ConvDecoder}[settings["kind"]]
    decoder: nn.Module = kind(
        channels=facts.channels, image_size=facts.image_size, code_size=encoder.code_size, **values
    )
    return decoder


def _without_kind(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "kind"}
