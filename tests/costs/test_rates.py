"""Rates that are kept, scaled and assumed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.costs.rates import Book, Device, Rate, assumed, by_operations, known_rates
from drl.pipeline.work import work_unit

DEVICE = Device("a processor", "cpu", "2.13.0", 2, "auto", "auto")
SMALL, MIDDLE, LARGE = (work_unit("train", name, {"name": name}) for name in ("small", "middle", "large"))
SCORE, START = work_unit("score", "score", {}), work_unit("start", "start", {})
OPERATIONS = {SMALL.key: 1e6, MIDDLE.key: 1e8, LARGE.key: 4e8, SCORE.key: 1e9}


def test_a_book_is_read_again(tmp_path):
    Book(tmp_path / "rates.json").put(0.25, DEVICE.key, SMALL.kind, SMALL.key)
    book = Book(tmp_path / "rates.json")
    assert known_rates([SMALL, LARGE], book, DEVICE) == {SMALL: 0.25}


@pytest.mark.parametrize("change", [{"name": "b"}, {"threads": 1}, {"torch": "2.12"}, {"precision": "fp32"}])
def test_rates_of_another_device_are_not_taken(tmp_path, change):
    book = Book(tmp_path / "rates.json")
    book.put(0.25, DEVICE.key, SMALL.kind, SMALL.key)
    assert known_rates([SMALL], book, Device(**{**vars(DEVICE), **change})) == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 1}', '{"format": 0, "entries": {"a": 1}}', '{"format": 1, "entries": {"a": "x"}}'],
)
def test_a_damaged_book_is_begun_anew(tmp_path, text):
    (tmp_path / "rates.json").write_text(text)
    book = Book(tmp_path / "rates.json")
    assert book.entries == {}
    book.put(1.0, "a")
    assert Book(tmp_path / "rates.json").get("a") == 1.0


def test_two_writers_lose_nothing(tmp_path):
    first, second = (Book(tmp_path / "rates.json") for _ in range(2))
    first.put(1.0, "a")
    second.put(2.0, "b")
    assert Book(tmp_path / "rates.json").entries == {"a": 1.0, "b": 2.0}


def test_scaling_takes_the_nearest_of_the_same_unit():
    rate = by_operations(LARGE, OPERATIONS, {SMALL: 1.0, MIDDLE: 3.0, SCORE: 100.0})
    assert rate == Rate(12.0, "scaled", "middle")
    assert by_operations(LARGE, OPERATIONS, {SCORE: 100.0}) == Rate(40.0, "scaled", "score")


def test_nothing_is_made_up():
    assert by_operations(LARGE, OPERATIONS, {}).how == "unknown"
    assert by_operations(START, OPERATIONS, {SMALL: 1.0}).how == "unknown"
    assert math.isnan(assumed(START, OPERATIONS, 1e12).seconds)


@given(st.floats(1e6, 1e18))
def test_assumed_hours_go_with_operations(per_second):
    rate = assumed(LARGE, OPERATIONS, per_second)
    assert rate.how == "assumed"
    assert rate.seconds == pytest.approx(4e8 / per_second)
