"""Whether a model of ours was still learning at its end (docs/statistics.md, "Not shown: undertrained")."""

from __future__ import annotations

from drl.verdict.evidence import Evidence

CURVE, USAGE = "learning_curve", "code_usage"
LATE_RISE, LATE_GROWTH = "late_rise", "late_growth"  # metrics that drl.verdict.reading makes
SHARE = 2 / 3  # of the training, from which on it should be over
LEAST_RISE = 0.5  # points of validation accuracy at the best t
LEAST_GROWTH = 1.1  # times the worth of the code


def still_learning(evidence: Evidence, dataset: str, recipe: str, confidence: float) -> str:
    """Say why a recipe's models were still learning on a dataset; empty if they were not, or if it was not measured.

    Args:
        evidence: What was measured.
        dataset: Name of the dataset.
        recipe: Name of the recipe.
        confidence: One-sided, of the rise of the learning curve.
    """
    rise = evidence.sample(CURVE, dataset=dataset, recipe=recipe, metric=LATE_RISE)
    if rise is not None:
        bounds = rise.estimate().bounds(confidence)
        if bounds is not None and bounds[0] > 0 and rise.mean >= LEAST_RISE:
            return f"{recipe}: validation accuracy rose by {rise.mean:.2g} points in the last third"
    growth = evidence.sample(USAGE, dataset=dataset, recipe=recipe, metric=LATE_GROWTH)
    if growth is not None and growth.values and min(growth.values.values()) >= LEAST_GROWTH:
        return f"{recipe}: code usage grew by {100 * (growth.mean - 1):.0f} % in the last third"
    return ""
