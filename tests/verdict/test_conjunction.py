"""Verdicts from p-values: partial conjunction against its definition and by simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drl.verdict.claims.claim import Claim
from drl.verdict.conjunction import at_least, p_values, together
from drl.verdict.estimates import Estimate

P = st.floats(0, 1)


def claim(side="above", bound=0.0, holds="every"):
    return Claim(
        "name", "says", "section", ("figure_4",), "statistic", lambda _: [], side=side, bound=bound, holds=holds
    )


@given(st.lists(P, min_size=1, max_size=6), st.data())
def test_at_least_u_hold_unless_some_n_less_u_plus_1_of_them_could_all_fail(p, data):
    """Its definition: the largest of Bonferroni's p-values over all sets of n - u + 1 parts."""
    u = data.draw(st.integers(1, len(p)))
    size = len(p) - u + 1
    expected = max(min(1.0, size * min(part)) for part in combinations(p, size))
    assert at_least(u, p) == pytest.approx(expected)


def test_every_some_and_most():
    p = [(0.01, 0.9), (0.02, 0.8), (0.04, 0.7), (0.3, 0.001)]
    assert together(claim(holds="every"), p) == pytest.approx((0.3, 0.004))
    assert together(claim(holds="some"), p) == pytest.approx((0.04, 0.9))
    # Three of four must hold, for more than half; it fails if two of four fail.
    assert together(claim(holds="most"), p) == pytest.approx((2 * 0.04, 1.0))


@pytest.mark.parametrize("shared", [0.0, 0.9])
@pytest.mark.parametrize(("holds", "true"), [("every", 3), ("most", 2), ("some", 0)])
def test_a_claim_that_just_fails_is_supported_at_most_one_time_in_twenty(holds, true, shared):
    """Four parts, `true` of which hold by far and the rest not at all; their errors are independent or nearly one."""
    rng = np.random.default_rng(0)
    supported = 0
    for _ in range(4000):
        error = np.sqrt(shared) * rng.normal() + np.sqrt(1 - shared) * rng.normal(size=4)
        z = error + np.array([30.0] * true + [0.0] * (4 - true))
        supported += (
            together(claim(holds=holds), [(float(stats.norm.sf(v)), float(stats.norm.cdf(v))) for v in z])[0] <= 0.05
        )
    assert supported / 4000 < 0.06


@pytest.mark.parametrize(
    ("side", "bound", "value", "holds", "fails"),
    [
        ("above", 0.0, 3.0, True, False),
        ("above", 0.0, -3.0, False, True),
        ("below", 2.0, -1.0, True, False),
        ("below", 2.0, 5.0, False, True),
        ("within", 5.0, 0.0, True, False),
        ("within", 5.0, 4.0, False, False),
        ("within", 5.0, -9.0, False, True),
        ("within", 5.0, 9.0, False, True),
    ],
)
def test_a_part_is_tested_on_the_side_of_its_claim(side, bound, value, holds, fails):
    """One-sided bounds of 95 % lie 1.65 to each side."""
    found = p_values(claim(side, bound), Estimate(value, 1.0, 1e6, 3))
    assert tuple(p <= 0.05 for p in found) == (holds, fails)


@given(st.floats(-9, 9), st.floats(0.1, 3), st.floats(0.1, 4))
def test_equality_is_two_one_sided_tests(value, error, margin):
    estimate = Estimate(value, error, 5.0, 6)
    low, high = estimate.bounds(0.95)
    inside, outside = p_values(claim("within", margin), estimate)
    assert (inside <= 0.05) == (-margin <= low and high <= margin)
    assert (outside <= 0.05) == (high <= -margin or low >= margin)
