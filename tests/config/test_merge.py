from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config

from drl.config.merge import overlay, patch, refine

KEYS = st.sampled_from("abc")
VALUES = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(KEYS, VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS)
def test_overlay_merges_as_snakemake_does(base, top):
    expected = deepcopy(base)
    update_config(expected, deepcopy(top))
    assert overlay(base, top) == expected


@given(MAPPINGS, MAPPINGS)
def test_overlay_leaves_its_arguments_alone(base, top):
    before = deepcopy((base, top))
    merged = overlay(base, top)
    for value in merged.values():
        if isinstance(value, dict):
            value["touched"] = 1
    assert (base, top) == before


def test_refine_starts_a_section_afresh_when_its_kind_changes():
    base = {"method": {"kind": "drl", "l1_weight": 1.0}, "score": {"nf": 16, "blocks": 2}}
    refined = refine(base, {"method": {"kind": "vdrl", "kl_weight": 2.0}, "score": {"nf": 8}})
    assert refined == {"method": {"kind": "vdrl", "kl_weight": 2.0}, "score": {"nf": 8, "blocks": 2}}


def test_patch_skips_sections_that_are_missing_or_of_another_kind():
    top = {"iterations": 5, "score": {"nf": 8}, "encoder": {"kind": "wide_resnet", "depth": 10}}
    assert patch({"score": None}, top) == {"score": None, "iterations": 5}
    assert patch({"encoder": {"kind": "other", "x": 1}}, top) == {"encoder": {"kind": "other", "x": 1}, "iterations": 5}
    assert patch({"encoder": {"kind": "wide_resnet", "depth": 28, "width": 2}}, top)["encoder"] == {
        "kind": "wide_resnet",
        "depth": 10,
        "width": 2,
    }
