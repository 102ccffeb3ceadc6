"""Settings of the verdict: when a number agrees with the paper's, and how sure a claim must be."""

from __future__ import annotations

from pydantic import Field

from drl.config.base import Positive, Settings


class ToleranceSettings(Settings):
    """How far a number may differ from the paper's, which is one run on one split, if ours is one run too.

    If several runs of ours scatter, they may differ up to three times as much; differences of two runs, sqrt(2) times.
    """

    accuracy: Positive = Field(description="Percentage points. Ours: 1.")
    few_labels: Positive = Field(
        description="Percentage points, with at most `few` labels: the paper's own arms differ by 28. Ours: 10."
    )
    few: int = Field(ge=0, description="Number of labels up to which `few_labels` applies. Ours: 100.")
    fid: Positive = Field(description="Share of the published FID. Ours: 0.1.")


class VerdictSettings(Settings):
    """When a number agrees, and how sure a claim must be (ours)."""

    confidence: float = Field(
        gt=0, lt=1, description="Level of intervals over seeds, and of the interval for one more run. Ours: 0.95."
    )
    tolerance: ToleranceSettings
