"""Rank correlation of curves over t with another curve, tested exactly (docs/statistics.md, "Errors")."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drl.verdict.estimates import Estimate

MOST_TIMES = 10  # 10! permutations take some seconds


def rank_correlation(curves: Sequence[Sequence[float]], other: Sequence[float]) -> Estimate:
    """Return Spearman's coefficient of each curve with the other, averaged, with exact p-values against 0.

    Under the hypothesis that the other curve's order has nothing to do with t, all orders of its values are equally
    likely. The curves of several models keep their dependence, because all are compared with the same permuted values.

    Args:
        curves: The values of each model at n values of t.
        other: The other curve's values at the same t.

    Raises:
        ValueError: If there are more than MOST_TIMES values of t.
    """
    if len(other) > MOST_TIMES:
        raise ValueError(f"{len(other)} values of t have too many permutations")
    ranked = [stats.rankdata(curve) for curve in curves]
    weights = np.mean([_standardised(ranks) for ranks in ranked], axis=0)
    values = _standardised(stats.rankdata(other))

    def coefficient(permuted: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(np.tensordot(permuted, weights, axes=([axis], [0])))

    value = float(coefficient(values))

    @cache
    def exact() -> tuple[float, float]:
        if not np.any(weights) or not np.any(values):
            return 1.0, 1.0  # a constant has no order
        found = stats.permutation_test(
            (values,), coefficient, permutation_type="pairings", n_resamples=np.inf, batch=40_000, vectorized=True
        )
        null = found.null_distribution
        slack = 1e-9  # equal coefficients may differ in their last bits
        return float(np.mean(null >= value - slack)), float(np.mean(null <= value + slack))

    return Estimate(value, 0.0, 0.0, len(curves), exact=exact)


def _standardised(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre ranks and scale them to length 1; zeros if all are equal."""
    centred = ranks - ranks.mean()
    length = float(np.linalg.norm(centred))
    return np.asarray(centred / length if length else centred)
