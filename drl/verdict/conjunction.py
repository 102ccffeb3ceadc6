"""Verdicts from p-values: of one comparison, and of a claim with several (docs/statistics.md)."""

from __future__ import annotations

from collections.abc import Sequence

from drl.verdict.claims.claim import Claim
from drl.verdict.estimates import Estimate


def p_values(claim: Claim, estimate: Estimate) -> tuple[float, float]:
    """Return the p-values of one comparison: that it is as the claim says, and that it is not."""
    if claim.side == "above":
        return estimate.p_above(claim.bound), estimate.p_below(claim.bound)
    if claim.side == "below":
        return estimate.p_below(claim.bound), estimate.p_above(claim.bound)
    # Two one-sided tests; outside, only one of the two sides can be the true one.
    inside = max(estimate.p_above(-claim.bound), estimate.p_below(claim.bound))
    return inside, min(estimate.p_above(claim.bound), estimate.p_below(-claim.bound))


def at_least(u: int, p: Sequence[float]) -> float:
    """Return the p-value of "at least u of these hold", whatever their dependence.

    This is Bonferroni's partial conjunction (Benjamini and Heller, Biometrics 64, 2008): (n - u + 1) p_(u). For u = n
    it is the largest p-value, for u = 1 Bonferroni's.

    Args:
        u: From 1 to n.
        p: The p-value of each of n parts; 1 of one that was not run.
    """
    return min(1.0, (len(p) - u + 1) * sorted(p)[u - 1])


def together(claim: Claim, p: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the p-values that a claim holds, and that it does not, from those of its parts."""
    n = len(p)
    u = {"every": n, "most": n // 2 + 1, "some": 1}[claim.holds]
    return at_least(u, [holds for holds, _ in p]), at_least(n - u + 1, [fails for _, fails in p])
