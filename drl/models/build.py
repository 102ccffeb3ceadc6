"""Networks by their settings: the one place that knows every `kind`."""

from __future__ import annotations

from typing import Any, Protocol

from drl.models.decoder import ReconstructionDecoder
from drl.models.ncsnpp import NCSNpp
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


def build_encoder(settings: dict[str, Any], facts: Facts, probabilistic: bool) -> WideResNet:
    """Build E(x, t).

    Args:
        settings: A recipe's `encoder` section.
        facts: Size of the images.
        probabilistic: Whether the code is Gaussian.
    """
    values = _without_kind(settings)
    return WideResNet(channels=facts.channels, classes=facts.classes, probabilistic=probabilistic, **values)


def build_score_network(settings: dict[str, Any], facts: Facts, code_size: int | None) -> NCSNpp:
    """Build the score network.

    Args:
        settings: A recipe's `score` section.
        facts: Size of the images.
        code_size: Entries of z; None builds an unconditional network.
    """
    values = _without_kind(settings)
    values.pop("scale_by_sigma")  # belongs to the preconditioning, outside the network
    return NCSNpp(channels=facts.channels, image_size=facts.image_size, code_size=code_size, **values)


def _without_kind(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "kind"}


def build_decoder(settings: dict[str, Any], facts: Facts) -> ReconstructionDecoder:
    """Build the reconstruction decoder that mirrors a score network's way up.

    Args:
        settings: A recipe's `score` section.
        facts: Size of the images.
    """
    shared = ("nf", "channel_multipliers", "blocks", "attention_resolutions", "dropout")
    values = {key: settings[key] for key in shared}
    return ReconstructionDecoder(channels=facts.channels, image_size=facts.image_size, **values)
