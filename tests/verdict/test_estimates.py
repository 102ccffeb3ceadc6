import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from drl.verdict.estimates import Estimate, Sample, chosen, difference, ratio

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
    low, high = named(values).estimate().bounds(0.95)
    expected = stats.t.interval(0.9, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_replicates_that_belong_together_are_subtracted_one_by_one():
    first, second = [90.0, 80.0, 70.0], [89.0, 78.5, 69.5]
    found = difference(named(first), named(second), paired=True)
    test = stats.ttest_rel(first, second)
    assert found.value == pytest.approx(1.0)
    assert found.bounds(0.975) == pytest.approx(tuple(test.confidence_interval(0.95)))


@pytest.mark.parametrize("make", [named, bare])
def test_others_are_compared_as_welch_does(make):
    first, second = [90.0, 80.0, 70.0], [60.0, 61.0]
    found = difference(make(first), make(second))
    test = stats.ttest_ind(first, second, equal_var=False)
    assert found.df == pytest.approx(test.df)
    assert found.bounds(0.975) == pytest.approx(tuple(test.confidence_interval(0.95)))


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
    assert named([3.0]).estimate().bounds(0.975) is None
    assert difference(named([3.0]), named([1.0, 2.0])).bounds(0.975) is None


def test_what_was_not_measured_gives_nothing():
    assert difference(None, named([1.0])) is None
    assert difference(named([1.0]), None) is None
    assert ratio(None, named([1.0])) is None


def test_replicates_that_are_all_alike_have_an_interval_of_a_point():
    assert difference(bare([2.0, 2.0]), bare([1.0, 1.0])).bounds(0.975) == (1.0, 1.0)


def test_a_ratio_s_interval_holds_the_truth_as_often_as_it_says():
    """Against simulation, where the delta method is good: small deviations."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        first, second = rng.normal(8, 0.2, 5), rng.normal(10, 0.2, 5)
        low, high = ratio(named(first), named(second)).bounds(0.95)
        held += low < 0.8 < high
    assert 0.86 < held / 400 < 0.94
    assert math.isclose(ratio(named([2.0]), named([4.0])).value, 0.5)


CURVE = {
    0.0: Sample.of({"0": 1.0, "1": 7.0}),
    0.5: Sample.of({"0": 4.0, "1": 5.0}),
    0.7: Sample.of({"0": 3.0, "1": 2.0}),
    1.0: Sample.of({"0": 0.0, "1": 3.0}),
}


@pytest.mark.parametrize(("place", "expected"), [(0, [3.0, 7.0]), (1, [1.0, 5.0]), (-1, [0.0, 2.0])])
def test_each_model_is_read_at_the_t_that_its_own_validation_images_choose(place, expected):
    by = {
        0.0: Sample.of({"0": 60.0, "1": 90.0}),
        0.5: Sample.of({"0": 50.0, "1": 80.0}),
        0.7: Sample.of({"0": 70.0, "1": 60.0}),
        1.0: Sample.of({"0": 40.0, "1": 70.0}),
    }
    assert list(chosen(CURVE, by, place).values.values()) == expected


def test_of_equal_t_the_smallest_is_chosen():
    by = {t: Sample.of({"0": 50.0 + 1e-12 * t}) for t in CURVE}
    assert chosen(CURVE, by).values == {"0": 1.0}


def test_without_validation_nothing_is_chosen():
    assert chosen(CURVE, {}) is None
    assert chosen(CURVE, {0.5: Sample.of({"2": 1.0})}) is None
    assert chosen({0.0: named([1.0])}, {0.0: named([1.0])}, 1) is None


def test_validation_that_is_noise_chooses_no_better_than_the_rest():
    """Read off the test curve itself, the best of ten would be 1.5 deviations above the mean."""
    rng = np.random.default_rng(0)
    best = []
    for _ in range(200):
        tests, validations = ({t: named(row) for t, row in enumerate(rng.normal(size=(10, 3)))} for _ in range(2))
        best.append(chosen(tests, validations).mean)
    assert abs(np.mean(best)) < 0.15


@given(VALUES, st.floats(-50, 50))
def test_p_values_are_those_of_student_s_test(values, bound):
    sample = named(values)
    found = sample.estimate()
    if sample.sd < 1e-6:
        return
    assert found.p_above(bound) == pytest.approx(
        stats.ttest_1samp(values, bound, alternative="greater").pvalue, abs=1e-9
    )
    assert found.p_below(bound) == pytest.approx(stats.ttest_1samp(values, bound, alternative="less").pvalue, abs=1e-9)
    # The bounds are where the p-values reach the level.
    low, high = found.bounds(0.95)
    assert (found.p_above(bound) <= 0.05) == (low >= bound) or math.isclose(low, bound, rel_tol=1e-6)
    assert (found.p_below(bound) <= 0.05) == (high <= bound) or math.isclose(high, bound, rel_tol=1e-6)


def test_a_point_is_surely_above_what_is_below_it():
    point = named([2.0, 2.0]).estimate()
    assert (point.p_above(1.0), point.p_above(2.0), point.p_below(1.0)) == (0.0, 1.0, 1.0)


def test_as_many_seeds_as_are_said_to_be_needed_find_the_difference():
    """Against simulation: with one seed less the power is below 80 %, with as many it is not."""
    rng = np.random.default_rng(0)
    sd, distance = 1.0, 0.8
    found = Estimate(distance, sd / 2, 1000.0, 4)
    n = found.seeds_needed(distance, 0.95)

    def power(n: int) -> float:
        draws = rng.normal(distance, sd, (4000, n))
        return float(np.mean(draws.mean(1) - stats.norm.ppf(0.95) * sd / math.sqrt(n) > 0))

    assert power(n) > 0.78 > power(n - 2)
    assert found.seeds_needed(0.001, 0.95) is None
    assert found.seeds_needed(0.0, 0.95) is None
    assert named([1.0]).estimate().seeds_needed(1.0, 0.95) is None
