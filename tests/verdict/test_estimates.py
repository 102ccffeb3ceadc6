import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drl.verdict.estimates import Sample, at_rank, difference, ratio

VALUES = st.lists(st.floats(-100, 100), min_size=2, max_size=6)


def named(values):
    return Sample.of({str(k): float(value) for k, value in enumerate(values)})


def bare(values):
    """The same, known as mean, deviation and count alone."""
    sample = named(values)
    return Sample(sample.mean, sample.sd, sample.n)


@given(VALUES)
def test_a_sample_is_summarised_as_numpy_does(values):
    sample = named(values)
    assert sample.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert sample.sd == pytest.approx(np.std(values, ddof=1), abs=1e-9)
    assert sample.n == len(values)


def test_an_interval_is_student_s():
    values = [1.0, 2.0, 4.0]
    low, high = named(values).estimate().interval(0.9)
    expected = stats.t.interval(0.9, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_replicates_that_belong_together_are_subtracted_one_by_one():
    first, second = [90.0, 80.0, 70.0], [89.0, 78.5, 69.5]
    found = difference(named(first), named(second), paired=True)
    test = stats.ttest_rel(first, second)
    assert found.value == pytest.approx(1.0)
    assert found.interval(0.95) == pytest.approx(tuple(test.confidence_interval(0.95)))


@pytest.mark.parametrize("make", [named, bare])
def test_others_are_compared_as_welch_does(make):
    first, second = [90.0, 80.0, 70.0], [60.0, 61.0]
    found = difference(make(first), make(second))
    test = stats.ttest_ind(first, second, equal_var=False)
    assert found.df == pytest.approx(test.df)
    assert found.interval(0.95) == pytest.approx(tuple(test.confidence_interval(0.95)))


@given(VALUES, st.randoms())
def test_pairs_without_values_are_given_the_widest_interval_that_any_pairing_has(values, random):
    other = random.sample(values, len(values))
    known = difference(named(values), named(other), paired=True)
    unknown = difference(bare(values), bare(other), paired=True)
    assert unknown.value == pytest.approx(known.value, abs=1e-9)
    assert unknown.error >= known.error - 1e-9
    assert unknown.df == known.df


def test_replicates_that_one_side_lacks_are_left_out():
    found = difference(named([3.0, 5.0, 100.0]), named([1.0, 2.0]), paired=True)
    assert (found.value, found.n) == (2.5, 2)


def test_a_ratio_to_nothing_is_none():
    assert ratio(named([1.0]), named([0.0])) is None


def test_a_single_run_has_no_interval():
    assert named([3.0]).estimate().interval(0.95) is None
    assert difference(named([3.0]), named([1.0, 2.0])).interval(0.95) is None


def test_what_was_not_measured_gives_nothing():
    assert difference(None, named([1.0])) is None
    assert difference(named([1.0]), None) is None
    assert ratio(None, named([1.0])) is None


def test_replicates_that_are_all_alike_have_an_interval_of_a_point():
    assert difference(bare([2.0, 2.0]), bare([1.0, 1.0])).interval(0.95) == (1.0, 1.0)


def test_a_ratio_s_interval_holds_the_truth_as_often_as_it_says():
    """Against simulation, where the delta method is good: small deviations."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        first, second = rng.normal(8, 0.2, 5), rng.normal(10, 0.2, 5)
        low, high = ratio(named(first), named(second)).interval(0.9)
        held += low < 0.8 < high
    assert 0.86 < held / 400 < 0.94
    assert math.isclose(ratio(named([2.0]), named([4.0])).value, 0.5)


@pytest.mark.parametrize(("place", "expected"), [(0, [1.0, 5.0]), (1, [4.0, 2.0]), (-1, [3.0, 3.0])])
def test_the_best_t_of_a_replicate_is_chosen_on_the_other(place, expected):
    curve = {
        0.0: Sample.of({"0": 1.0, "1": 7.0}),
        0.5: Sample.of({"0": 4.0, "1": 5.0}),
        0.7: Sample.of({"0": 3.0, "1": 2.0}),
        1.0: Sample.of({"0": 0.0, "1": 3.0}),
    }
    assert list(at_rank(curve, place).values.values()) == expected


def test_the_best_of_noise_is_no_better_than_the_rest():
    """Read where it is highest itself, the best of ten would be 1.5 deviations above the mean."""
    noise = np.random.default_rng(0).normal(size=(200, 3, 10))
    best = [at_rank({t: named(row[:, t]) for t in range(10)}).mean for row in noise]
    assert abs(np.mean(best)) < 0.15


def test_the_best_of_a_single_replicate_has_no_interval():
    for make in (lambda value: named([value]), lambda value: bare([value, value])):
        best = at_rank({0.0: make(1.0), 1.0: make(3.0)})
        assert (best.mean, best.estimate().interval(0.95)) == (3.0, None)
    assert at_rank({0.0: named([1.0])}, 1) is None
    assert at_rank({}) is None
