"""`drl verify` and cards that say something else than they should."""

import json

import pytest

from drl.pipeline.configuration import resolve
from drl.pipeline.studies import STUDIES
from drl.records.code_digest import code_digest
from drl.records.run_card import write_card
from drl.records.verify import verify

CONFIG = resolve("demo")


@pytest.fixture(scope="module")
def probe():
    """Settings and digest of a probe."""
    step = STUDIES["probe"]
    settings = step.settings_for(CONFIG, {"dataset": "digits", "recipe": "drl", "seed": 0})
    return settings.slice(), code_digest(step.code(settings))


@pytest.fixture
def card(tmp_path, probe):
    """The card of a probe at its place; `verify` has nothing to say against it."""
    out = tmp_path / "metrics" / "probe" / "digits" / "drl" / "seed0.csv"
    out.parent.mkdir(parents=True)
    out.write_text("made")
    about = {"scale": "demo", "dataset": "digits", "recipe": "drl", "seed": 0}
    path = write_card("probe", [out], *probe, **about)
    assert verify(tmp_path, CONFIG) == []
    return path


def said(card):
    """Return what `verify` says of the folder of a card."""
    return verify(card.parents[4], CONFIG)


def change(card, **changes):
    card.write_text(json.dumps(json.loads(card.read_text()) | changes))
    return said(card)


@pytest.mark.parametrize("command", ["encode", "convert", "export", "sample", "few_shot", "prepare", "unheard_of"])
def test_a_card_whose_command_was_changed_does_not_escape(card, command):
    assert change(card, command=command) == [
        f"{card}: says that it is of {command}, but probe makes this file; make it again"
    ]


@pytest.mark.parametrize(("axis", "value"), [("seed", 1), ("recipe", "vdrl"), ("dataset", "cifar10")])
def test_nor_does_one_of_another_job(card, axis, value):
    (line,) = change(card, **{axis: value})
    assert f"names {axis} {value} as its {axis}, but this is the file of {axis} " in line


def test_nor_one_that_lacks_what_it_is_of(card):
    found = json.loads(card.read_text())
    del found["seed"]
    card.write_text(json.dumps(found))
    assert said(card) == [f"{card}: names no seed, but this is the file of seed 0; make it again"]


def test_nor_one_without_its_own_output(card):
    (card.parent / "other.csv").write_text("x")
    lines = change(card, outputs={"other.csv": "0" * 64})
    assert f"{card}: does not name seed0.csv as an output; make it again" in lines


@pytest.mark.parametrize("name", ["/proc/kmsg", "/dev/zero", "/proc/self/environ", "/proc/kcore"])
def test_files_of_the_system_are_not_read(card, name):
    (line,) = change(card, inputs={name: "0" * 64})
    assert line.startswith(f"{name}: is ")


@pytest.mark.parametrize(
    "changes",
    [
        *({"outputs": value} for value in ([], {}, 3, None, {"a": 1}, {"a": "short"}, {"../a": "0" * 64})),
        *({"inputs": value} for value in ([], None, {"a": None}, {"": "0" * 64}, {"a\0": "0" * 64})),
        *({"command": value} for value in (None, ["probe"], {"a": 1}, "", "a\nb")),
        *({"settings": value} for value in (None, [], "x")),
        *({"code_digest": value} for value in (None, 3, "x" * 100)),
        *({"seed": value} for value in ("0", -1, 1.5, True, 10**30, [])),
        {"recipe": ["drl"]},
        {"dataset": {"a": "b"}},
        {"git": []},
        {"versions": "x"},
        {"seconds": float("nan")},
    ],
)
def test_a_malformed_card_is_one_line(card, changes):
    lines = change(card, **changes)
    assert any(line.startswith(f"{card}: is no run card as drl writes them (") for line in lines)
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("changes", [{"a": 1}, {"recipe": None}, {"recipe": {"method": {"kind": "os"}}}])
def test_malformed_settings_are_one_line(card, probe, changes):
    (line,) = change(card, settings=probe[0] | changes)
    assert line.startswith(f"{card}: ")
    assert "\n" not in line


def test_settings_nested_too_deep_are_one_line(card):
    text = card.read_text().replace('"settings": {', '"settings": {"a": ' + "[" * 900 + "]" * 900 + ",")
    card.write_text(text)
    lines = said(card)
    assert f"{card}: is no run card as drl writes them (settings: Value error, is nested deeper than 40 levels)" in [
        line.partition(";")[0] for line in lines
    ]
