"""The base class of all encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """E(x, t): maps images and times to codes, or to mean and log-variance of codes (paper section 2).

    Attributes:
        code_size: Number of entries of a code.
        time: Whether the code depends on t. If not, `t` is ignored.
    """

    code_size: int
    time: bool

    @abstractmethod
    def latent(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode images.

        Args:
            x: Images [B, C, H, W], scaled as in the recipe.
            t: Times [B] in [0, 1]; ignored by an encoder without time.

        Returns:
            The code or its mean [B, code_size], and the log-variance [B, code_size]; None if deterministic.
        """
