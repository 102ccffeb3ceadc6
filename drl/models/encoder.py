"""What every encoder offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """E(x, t): images and times to codes, or to the mean and log-variance of codes (paper section 2).

    Attributes:
        code_size: Entries of a code.
        time: Whether the code depends on t. If not, every `t` is ignored.
    """

    code_size: int
    time: bool

    @abstractmethod
    def latent(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode.

        Args:
            x: Images [B, C, H, W], scaled as the recipe says.
            t: Times [B] in [0, 1]; ignored by an encoder without time.

        Returns:
            The code or its mean [B, code_size], and the log-variance [B, code_size], None in a deterministic encoder.
        """
