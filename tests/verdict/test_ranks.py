"""Rank correlations, against scipy's coefficient and a plain loop over all permutations."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from drl.verdict.ranks import rank_correlation


def plainly(curves, other):
    """The mean coefficient, and the shares of permutations at least as high and at least as low."""

    def mean(values):
        return np.mean([stats.spearmanr(curve, values).statistic for curve in curves])

    value = mean(other)
    null = np.array([mean(values) for values in permutations(other)])
    return value, np.mean(null >= value - 1e-9), np.mean(null <= value + 1e-9)


@pytest.mark.parametrize(
    "curves",
    [[[50.0, 90.0, 80.0, 70.0, 60.0]], [[50.0, 90.0, 80.0, 70.0, 60.0], [1.0, 2.0, 2.0, 5.0, 4.0]]],
)
@pytest.mark.parametrize("other", [[0.1, 0.5, 0.4, 0.3, 0.2], [0.1, 0.1, 0.3, 0.2, 0.9]])
def test_coefficient_and_p_values_are_those_of_all_permutations(curves, other):
    found = rank_correlation(curves, other)
    assert (found.value, *found.exact()) == pytest.approx(plainly(curves, other))
    assert found.bounds(0.95) is None
    assert (found.p_above(0.0), found.p_below(0.0)) == found.exact()
    assert found.n == len(curves)


def test_a_constant_has_no_order():
    assert rank_correlation([[1.0, 1.0, 1.0]], [1.0, 2.0, 3.0]).exact() == (1.0, 1.0)
    assert rank_correlation([[1.0, 2.0, 3.0]], [4.0, 4.0, 4.0]).exact() == (1.0, 1.0)


def test_too_many_t_are_an_error():
    with pytest.raises(ValueError, match="11 values of t"):
        rank_correlation([list(range(11))], list(range(11)))
