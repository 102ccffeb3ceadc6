"""The same 300 steps in bf16 and in fp32: their losses at the end."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.gpu_check.step import Where
from benchmarks.gpu_check.subjects import advance, pretraining

STEPS, LAST, TINY_STEPS = 300, 100, 6


def precisions(where: Where) -> dict[str, Any]:
    """Return the mean losses of the last third, in both precisions, with the same images, noise and t."""
    steps = TINY_STEPS if where.tiny else STEPS
    loss = {name: _loss(where, name, steps, min(LAST, steps)) for name in ("fp32", "bf16")}
    return {**{f"loss in {name}": value for name, value in loss.items()}, "loss ratio": loss["bf16"] / loss["fp32"]}


def _loss(where: Where, precision: str, steps: int, last: int) -> float:
    training = pretraining(where, "drl", precision=precision)
    training.log = lambda: None  # type: ignore[method-assign]
    before: Any = 0.0
    for step in range(steps):
        if step == steps - last:
            before = training.sums.get("loss", torch.zeros(())).clone()
        advance(training)
    return float(training.sums["loss"] - before) / last
