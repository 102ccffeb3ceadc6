"""Differences in one figure: the closed form against a least-squares fit, and its coverage by simulation."""

import numpy as np
import pytest
from scipy import stats

from drl.verdict.blocks import in_block
from drl.verdict.estimates import Sample, difference


def block(values):
    return {f"m{k}": Sample.of({str(s): float(v) for s, v in enumerate(row)}) for k, row in enumerate(values)}


def by_least_squares(values):
    """Fit method + seed by least squares, and return the difference of the first two methods, its error and its df."""
    methods, seeds = values.shape
    rows = [(m, s) for m in range(methods) for s in range(seeds)]
    design = np.array(
        [[float(k == m) for k in range(methods)] + [float(s == k) for k in range(1, seeds)] for m, s in rows]
    )
    y = np.array([values[m, s] for m, s in rows])
    fit, *_ = np.linalg.lstsq(design, y, rcond=None)
    df = len(y) - np.linalg.matrix_rank(design)
    contrast = np.zeros(design.shape[1])
    contrast[:2] = 1, -1
    s2 = np.sum((y - design @ fit) ** 2) / df
    return contrast @ fit, np.sqrt(s2 * contrast @ np.linalg.pinv(design.T @ design) @ contrast), df


def test_the_error_is_that_of_the_fitted_model():
    values = np.random.default_rng(0).normal(size=(5, 4)) + np.arange(5)[:, None] + 10 * np.arange(4)
    found = in_block(block(values), "m0", "m1")
    assert (found.value, found.error, found.df) == pytest.approx(by_least_squares(values))
    assert found.n == 4


def test_two_methods_alone_are_paired():
    values = np.random.default_rng(1).normal(size=(2, 4))
    found, test = in_block(block(values), "m0", "m1"), stats.ttest_rel(*values)
    assert found.bounds(0.975) == pytest.approx(tuple(test.confidence_interval(0.95)))


def test_a_method_that_scatters_otherwise_stands_by_itself():
    values = np.random.default_rng(2).normal(size=(8, 4))
    values[0] = [0.0, 40.0, -40.0, 10.0]
    known = block(values)
    for pair in (("m0", "m1"), ("m1", "m0")):
        assert in_block(known, *pair) == difference(known[pair[0]], known[pair[1]], paired=True)


def test_methods_that_lack_a_seed_are_left_out_of_the_error():
    values = np.random.default_rng(3).normal(size=(4, 4))
    known = block(values)
    whole = in_block(known, "m0", "m1")
    short = {**known, "m3": known["m3"].only(["0", "1"])}
    assert in_block(short, "m0", "m1") == in_block(block(values[:3]), "m0", "m1") != whole
    assert in_block(short, "m0", "m3").n == 2
    assert in_block(known, "m0", "none") is None


def test_bounds_hold_the_truth_as_often_as_they_say():
    """With a common effect of each seed, which unpaired bounds would count as error."""
    rng = np.random.default_rng(4)
    held, narrower = 0, 0
    for _ in range(600):
        values = rng.normal(size=(6, 4)) + 5 * rng.normal(size=4)
        low, high = in_block(block(values), "m0", "m1").bounds(0.95)
        held += low < 0 < high
        unpaired = difference(*(block(values)[name] for name in ("m0", "m1"))).bounds(0.95)
        narrower += high - low < unpaired[1] - unpaired[0]
    assert 0.86 < held / 600 < 0.94
    assert narrower > 550
