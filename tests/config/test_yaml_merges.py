"""The merge key of YAML drops no section in silence."""

import time

import pytest

from drl.config.yaml_text import load, read_yaml
from drl.errors import UserError

LOST = [
    ("<<: [{probe: {epochs: 7}}, {probe: {seeds: [5]}}]", 1, 1),
    ("<<: {probe: {epochs: 7}}\nprobe: {seeds: [5]}", 1, 2),
    ("probe: {seeds: [5]}\n<<:\n  probe: {epochs: 7}", 1, 3),
    ("a: &a {probe: {epochs: 7}}\nb:\n  <<: *a\n  probe: {seeds: [5]}", 1, 4),
    ("a: &a {probe: {epochs: 7}}\nb: &b\n  probe: {seeds: [5]}\nc: {<<: [*a, *b]}", 1, 3),
    ("a: &a {probe: {epochs: 7}}\nb: &b {<<: *a}\nc: &c {<<: {<<: [*b]}}\nd:\n  <<: *c\n  probe: {}", 1, 6),
    ("<<: {<<: {<<: {probe: {epochs: 7}}}}\n'probe': {seeds: [5]}", 1, 2),
    ("a: &a {probe: {epochs: 7}}\nl: &l [*a, {probe: {seeds: [5]}}]\nb: {<<: *l}", 1, 2),
    ("<<: [{probe: 1}, {probe: {seeds: [5]}}]", 1, 1),
    ("<<: [{probe: {seeds: [5]}}, {probe: null}]", 1, 1),
    ("!!merge x: {probe: {epochs: 7}}\nprobe: {seeds: [5]}", 1, 2),
]


@pytest.mark.parametrize(("text", "first", "second"), LOST)
@pytest.mark.parametrize("strict", [True, False])
def test_a_section_that_a_merge_would_drop_is_named(text, first, second, strict):
    said = f"^own.yaml: line {second}: the key 'probe' stands in line {first} too, and << would keep one of the two"
    with pytest.raises(UserError, match=said):
        load(text, "own.yaml", strict)
    with pytest.raises(UserError, match="the key 'probe' stands in line"):
        load("- {}\n- " + text.replace("\n", "\n  "), "own.yaml", strict)


ORDINARY = [
    ("a: &a {x: 1, y: [2]}\nb: {<<: *a, x: 3, y: []}", {"x": 3, "y": []}),
    ("a: &a {p: {x: 1}}\nb: {<<: *a, p: null}", {"p": None}),
    ("a: &a {p: 1}\nb: {<<: *a, p: {x: 1}}", {"p": {"x": 1}}),
    ("a: &a {p: {x: 1}}\nl: &l {<<: *a, q: 1}\nr: &r {<<: *a, q: 2}\nb: {<<: [*l, *r]}", {"p": {"x": 1}, "q": 1}),
    ("a: &a {p: {x: 1}}\nb: {<<: [*a, {p: {x: 2}}], p: 5}", {"p": 5}),
    ("b: {'<<': {p: {x: 1}}, p: {y: 1}}", {"<<": {"p": {"x": 1}}, "p": {"y": 1}}),
    ("b: {<<: [], p: {y: 1}}", {"p": {"y": 1}}),
]


@pytest.mark.parametrize(("text", "meant"), ORDINARY)
def test_what_is_replaced_on_purpose_is_read(text, meant):
    assert load(text, "")["b"] == meant


def test_the_files_of_the_project_are_read(pytestconfig):
    folders = [pytestconfig.rootpath / name for name in ("config", "profiles", "workflow", ".github")]
    files = [file for folder in folders for ending in ("yaml", "yml") for file in folder.rglob(f"*.{ending}")]
    assert len(files) > 5
    for file in files:
        read_yaml(file, strict=False)


def test_many_merges_take_no_time():
    names = [f"n{number}" for number in range(200)]
    text = "n: &n {k: {x: 1}}\n" + "".join(
        f"{name}: &{name} {{<<: *{before}}}\n" for before, name in zip(["n", *names], names, strict=False)
    )
    started = time.perf_counter()
    load(text, "")
    with pytest.raises(UserError, match="line 202: the key 'k' stands in line 1 too"):
        load(text + "z: {<<: *n199, k: {}}", "")
    laughs = "a: &a {k: {x: 1}}\n" + "".join(
        f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(UserError, match="more than 50,000 values"):
        load(laughs, "")
    assert time.perf_counter() - started < 2
