"""Rates that are scaled and assumed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.costs.book import Book
from drl.costs.rates import Rate, by_operations
from drl.pipeline.units import WorkUnit

SMALL, MIDDLE, LARGE = (WorkUnit.of("train", name, name) for name in ("small", "middle", "large"))
SCORE, START = WorkUnit.of("score", "score"), WorkUnit.of("start", "start")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    found = Book(tmp_path_factory.mktemp("book") / "rates.json")
    for unit, operations in {SMALL: 1e6, MIDDLE: 1e8, LARGE: 4e8, SCORE: 1e9}.items():
        found.put(operations, "operations", unit.kind, unit.key)
    return found


def test_scaling_takes_the_nearest_of_the_same_unit(book):
    assert by_operations(LARGE, {SMALL: 1.0, MIDDLE: 3.0, SCORE: 100.0}, book) == Rate(12.0, "scaled", "middle")
    assert by_operations(LARGE, {SCORE: 100.0, START: 1.0}, book) == Rate(40.0, "scaled", "score")


def test_nothing_is_made_up(book):
    assert by_operations(LARGE, {}, book).how == "unknown"
    assert by_operations(LARGE, {START: 1.0}, book).how == "unknown"
    assert by_operations(START, {SMALL: 1.0}, book).how == "unknown"
    assert math.isnan(by_operations(START, {}, book, 1e12).seconds)


@given(st.floats(1e6, 1e18))
def test_assumed_hours_go_with_operations(book, per_second):
    rate = by_operations(LARGE, {SMALL: 1.0}, book, per_second)
    assert rate.how == "assumed"
    assert rate.seconds == pytest.approx(4e8 / per_second)
