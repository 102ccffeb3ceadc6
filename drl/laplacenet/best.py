"""The best start of t that a search has found so far, and how a saved state keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor


@dataclass
class Best:
    """The best of a search for t so far.

    Attributes:
        loss: Mean training loss of the last pass of an epoch, the lowest so far.
        t_init: Start of t.
        weights: The classifier after that epoch.
        rows: Rows of the CSV up to that epoch.
        lone_logit: See NesterovSGD.
    """

    loss: float = float("inf")
    t_init: float = 0.5
    weights: dict[str, Tensor] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    lone_logit: float = 0.0

    def facts(self) -> dict[str, Any]:
        """Return all but the weights as JSON, which has no infinity."""
        plain = {name: getattr(self, name) for name in ("loss", "t_init", "rows", "lone_logit")}
        return plain | {"loss": None if self.loss == float("inf") else self.loss}

    @classmethod
    def of(cls, facts: Mapping[str, Any], weights: dict[str, Tensor]) -> Self:
        """Restore the result of `facts`."""
        return cls(**{**facts, "loss": float("inf") if facts["loss"] is None else facts["loss"]}, weights=weights)
