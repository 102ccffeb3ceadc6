"""Exponential moving average of weights, with the warm-up of the decay of Song et al. 2021."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Shadow <- d shadow + (1 - d) weight with d = min(decay, (1 + n) / (10 + n)), n = 1, 2, ... updates.

    Attributes:
        shadow: The averages, in the order of the parameters.
    """

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        """Start from the current values of the parameters."""
        self.parameters = [parameter.detach() for parameter in parameters]
        self.shadow = [parameter.clone() for parameter in self.parameters]
        self.decay = decay
        self._shares: list[Tensor] = []

    def decay_of(self, n: int) -> float:
        """Return d of the n-th update, n = 1, 2, ..."""
        return min(self.decay, (1 + n) / (10 + n))

    def update(self, decay: float | Tensor) -> None:
        """Move the averages towards the parameters by one step.

        Args:
            decay: d. A scalar on the GPU if the step may be captured as a CUDA graph.
        """
        if isinstance(decay, Tensor):
            self._update_on_device(1 - decay)
        else:
            get_ema_multi_avg_fn(decay)(self.shadow, self.parameters, None)

    @torch.no_grad()
    def _update_on_device(self, share: Tensor) -> None:
        """Give the parameters a share that the host does not know."""
        if not self._shares:
            # torch updates many tensors in one launch only if each weight has a share of its own shape and layout.
            most = max((weight.numel() for weight in self.shadow), default=0)
            buffer = torch.empty(most, device=share.device)
            self._shares = [buffer.as_strided(weight.shape, weight.stride()) for weight in self.shadow]
            self._buffer = buffer
        self._buffer.fill_(share)
        torch._foreach_lerp_(self.shadow, self.parameters, self._shares)
