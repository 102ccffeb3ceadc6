"""Settings of the verdict: when a number agrees with the paper's, and how sure a claim must be."""

from __future__ import annotations

from pydantic import Field

from drl.config.base import Positive, Settings


class ToleranceSettings(Settings):
    """How far a number may lie from the paper's, which is one run on one split, where ours is one run as well.

    Several runs of ours that scatter may lie up to three times as far, differences of two runs sqrt(2) times.
    """

    accuracy: Positive = Field(description="Percentage points. Ours: 1.")
    few_labels: Positive = Field(
        description="Percentage points, with as few labels as `few`: the paper's own arms lie 28 apart. Ours: 10."
    )
    few: int = Field(ge=0, description="Labels. Ours: 100.")
    fid: Positive = Field(description="Share of the published FID. Ours: 0.1.")


class VerdictSettings(Settings):
    """When a number agrees, and how sure a claim must be (ours)."""

    confidence: float = Field(
        gt=0, lt=1, description="Of intervals over seeds; and of what one more run may give. Ours: 0.95."
    )
    tolerance: ToleranceSettings
