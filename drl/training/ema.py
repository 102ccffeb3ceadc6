"""Exponential moving average of weights, with the warm-up of the decay of Song et al. 2021."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Shadow <- d shadow + (1 - d) weight with d = min(decay, (1 + n) / (10 + n)), n = 1, 2, ... updates.

    Attributes:
        updates: Number of updates so far, n.
        shadow: The averages, in the order of the parameters.
    """

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        """Start from the current values of the parameters."""
        self.parameters = [parameter.detach() for parameter in parameters]
        self.shadow = [parameter.clone() for parameter in self.parameters]
        self.decay = decay
        self.updates = 0

    def update(self) -> None:
        """Move the averages towards the parameters by one step."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        get_ema_multi_avg_fn(decay)(self.shadow, self.parameters, self.updates)
