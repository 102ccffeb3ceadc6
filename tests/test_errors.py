"""What messages show of values that files hold."""

import time

from drl.errors import clean, shown


def test_plain_values_are_shown_as_they_are():
    assert [clean(value) for value in ("a\tb", 5, None, [1, "x"], {"a": 1})] == [
        "a\\tb",
        "5",
        "None",
        "[1, 'x']",
        "{'a': 1}",
    ]
    assert shown("x" * 100, 5) == "'xxxxx…'"


def test_what_is_nested_without_end_is_cut_off():
    deep, key = [], ()
    for _ in range(20_000):
        deep, key = [deep], (key,)
    assert len(clean(deep)) < 100
    assert len(clean(key)) < 100


def test_what_names_one_part_many_times_takes_no_time():
    laughs = ["ha"]
    for _ in range(12):
        laughs = [laughs] * 10
    began = time.process_time()
    assert len(clean({"step": laughs})) <= 61
    assert time.process_time() - began < 1
