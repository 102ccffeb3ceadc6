"""JSON with a key twice or too many values is refused before it takes memory."""

import tracemalloc

import pytest

from drl.data import json_text


def test_a_key_twice_is_named():
    with pytest.raises(ValueError, match="the key 'a' is given twice"):
        json_text.load('{"b": {"a": 1, "a": 2}}')


@pytest.mark.parametrize("value", ["[]", "{}", "1", '"ab"', '{"a":1}'])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_too_many_values_are_refused_before_they_are_read(monkeypatch, value, kind):
    monkeypatch.setattr(json_text, "MOST_SIGNS", 20_000)
    text = kind(f"[{','.join([value] * 100_000)}]")
    tracemalloc.start()
    with pytest.raises(ValueError, match="brackets, commas and colons, and may have 20,000"):
        json_text.load(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000


def test_signs_in_texts_are_no_obstacle():
    assert json_text.load('{"a": [1, "x,y:[{"]}') == {"a": [1, "x,y:[{"]}
