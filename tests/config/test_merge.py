from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from drl.config.merge import merge

KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS)
def test_arguments_are_left_alone(base, top):
    before = deepcopy((base, top))
    merged = merge(base, top)
    for value in merged.values():
        if isinstance(value, dict):
            value["touched"] = 1
    assert (base, top) == before


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_mappings_merge_and_all_else_replaces(base, middle, top):
    assert merge(base, {}) == base == merge({}, base) == merge(base, base)
    merged = merge(merge(base, middle), top)
    assert merged.keys() == base.keys() | middle.keys() | top.keys()
    for key, value in top.items():
        if not isinstance(value, dict):
            assert merged[key] == value


def test_a_section_starts_afresh_when_its_kind_changes():
    base = {"method": {"kind": "drl", "l1_weight": 1.0}, "score": {"nf": 16, "blocks": 2}}
    merged = merge(base, {"method": {"kind": "vdrl", "kl_weight": 2.0}, "score": {"nf": 8}})
    assert merged == {"method": {"kind": "vdrl", "kl_weight": 2.0}, "score": {"nf": 8, "blocks": 2}}
