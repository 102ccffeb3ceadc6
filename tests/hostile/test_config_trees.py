"""The real configuration with some of its values replaced, removed or renamed: checked, or refused in one line."""

import copy
import json
import math
import time
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from drl.config.layers import layers, merged, own_layers
from drl.config.schema import SCALES, Config
from drl.errors import UserError
from drl.pipeline.configuration import load
from drl.pipeline.items import items_of_kind
from drl.pipeline.rules import Rules
from tests.hostile.profile import examples

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.sampled_from([0, -1, 1, 2, 1e308, 1e-300, math.nan, math.inf, -math.inf, 2**31, 10**9, 10**17]),
    st.sampled_from(
        ["", "..", "../../etc", "a/b", "x" * 3000, "\x00", "\ud800", "a\nb", "{x}", "drl", "digits", "all"]
    ),
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(0, 10**9), st.text(max_size=3), st.none()), max_size=4),
    st.lists(st.integers(0, 9), min_size=300, max_size=300),
    st.just([[[[]]]]),
    st.dictionaries(st.one_of(st.text(max_size=3), st.integers(0, 3), st.none()), st.integers(0, 3), max_size=3),
)

CHANGES = ("replace", "replace", "remove", "rename", "wrap")
SECTIONS = ("recipes", "datasets", "items", "studies", "arms", "run", "seeds", "dataset", "scale", "verdict")


@cache
def real(scale):
    """Return the merged configuration, and the place of each value in it."""
    whole = merged(layers(own_layers(scale, (), ())))
    return whole, places(whole)


def places(value, at=()):
    found = [at] if at else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        found += places(part, (*at, key))
    return found


def mutated(tree, at, kind, value):
    """Change one value, if it is there still."""
    *way, last = at
    for key in way:
        try:
            tree = tree[key]
        except (KeyError, IndexError, TypeError):
            return
    if not isinstance(tree, dict | list) or (isinstance(tree, dict) and last not in tree) or last not in _keys(tree):
        return
    if kind == "replace":
        tree[last] = value
    elif kind == "remove":
        del tree[last]
    elif kind == "rename" and isinstance(tree, dict):
        tree[value if isinstance(value, str | int) else repr(value)] = tree.pop(last)
    elif kind == "wrap":
        tree[last] = [tree[last]]


def _keys(tree):
    return tree if isinstance(tree, dict) else range(len(tree))


def outcome(tree):
    """Return the checked configuration, or None if it was refused: in one short line, and in time."""
    started, said = time.perf_counter(), ""
    try:
        found = load(tree)
    except UserError as error:
        found, said = None, str(error)
    assert time.perf_counter() - started < 10, "seconds, on a busy machine"
    assert len(said) < 5000
    return found


@settings(derandomize=True, deadline=None, max_examples=examples(25))
@given(st.data())
def test_any_change_gives_a_configuration_or_one_line(data):
    scale = data.draw(st.sampled_from(SCALES))
    whole, where = real(scale)
    tree = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        # A section first, so that small ones are changed as often as large ones.
        section = data.draw(st.sampled_from(sorted(whole)))
        at = data.draw(st.sampled_from([place for place in where if place[0] == section]))
        mutated(
            tree, at, data.draw(st.sampled_from(["replace", "replace", "remove", "rename", "wrap"])), data.draw(ODD)
        )
    found = outcome(tree)
    if found is None:
        return
    assert isinstance(found, Config)
    json.dumps(found.model_dump(mode="json"), allow_nan=False)
    rules = Rules(found, math.inf)
    for item in items_of_kind(found)[:3]:
        assert rules.item_file(item).startswith(f"results/{scale}/")


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(
    st.one_of(ODD, st.dictionaries(st.sampled_from(["scale", "recipes", "datasets", "items", "studies"]), ODD)),
    ODD,
    st.sampled_from(SECTIONS),
)
def test_whole_sections_of_any_form_are_checked_or_refused(section, value, key):
    whole, _ = real("demo")
    tree = copy.copy(whole)
    tree[key] = {**whole[key], "drl": section, "digits": value} if isinstance(whole.get(key), dict) else value
    outcome(tree)
