"""Readings at the best t of each model, which its own validation images choose (docs/statistics.md)."""

from __future__ import annotations

from typing import Any

from drl.verdict.estimates import BY_VALIDATION, Sample, chosen
from drl.verdict.evidence import Evidence

NOT_MEASURED = "nothing was measured on validation images, so no t can be chosen; set studies.{study}.validation: true"


def at_best_t(evidence: Evidence, item: str, place: int = 0, **where: Any) -> tuple[Sample | None, str]:
    """Return test accuracies at the best t of each model, and a remark.

    Args:
        evidence: What was measured.
        item: An item about probes or few-shot fits.
        place: 0 for the best t, 1 for the second best and so on; -1 for the worst.
        where: The cell, without t and metric.
    """
    tests, validations = (evidence.curve(item, arm="", metric=f"{part}_accuracy", **where) for part in ("test", "val"))
    found = chosen(tests, validations, place)
    if found is None and place == 0:
        # Probes of the trajectory choose it as well, and an item's own CSV has only their reading.
        found = evidence.sample(item, arm="chosen", metric="test_accuracy", **where)
    if found is not None:
        return found, BY_VALIDATION
    return None, NOT_MEASURED.format(study=evidence.settings[item].study) if tests else ""
