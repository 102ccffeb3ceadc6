"""Where a job computes, and where and how often it saves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Where:
    """Where to compute, and where and how often the states of unfinished jobs are saved.

    On one kind of device, nothing here changes results beyond rounding.
    """

    states: Path
    device: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    threads: int | None = None
    wall_clock_minutes: float | None = None
    save_minutes: float = 5.0
    batch: int | None = None
    inception_weights: str | None = None
