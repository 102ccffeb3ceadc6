"""`drl verify` and cards that say something else than they should."""

import json
import os
from pathlib import Path

import pytest

from drl.errors import UserError
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


@pytest.mark.parametrize(
    "changes", [{"a": 1}, {"recipe": None}, {"recipe": {"method": {"kind": "os"}}}, {"method": ""}]
)
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


def test_linked_folders_are_looked_into(card, tmp_path):
    """As when models lie on another disk."""
    outside = tmp_path.parent / f"{tmp_path.name}-disk"
    (tmp_path / "metrics" / "probe").rename(outside)
    (tmp_path / "metrics" / "probe").symlink_to(outside)
    assert said(card) == []
    (card.parent / "seed0.csv").write_text("edit")
    assert said(card) == [f"{card.parent / 'seed0.csv'}: was changed after it was made; make it again"]
    (card.parent / "loss.csv").write_text("x")
    assert f"{card.parent / 'loss.csv'}: has no run card; make it again" in said(card)


def test_inputs_are_found_from_a_linked_folder(card, tmp_path, probe):
    images = tmp_path / "data" / "digits" / "images.safetensors"
    images.parent.mkdir(parents=True)
    images.write_text("made")
    write_card("prepare", [images], {}, "code", dataset="digits")
    about = {"scale": "demo", "dataset": "digits", "recipe": "drl", "seed": 0}
    write_card("probe", [card.parent / "seed0.csv"], *probe, inputs=[images], **about)
    whole = said(card)
    outside = tmp_path.parent / f"{tmp_path.name}-disk" / "deep"
    outside.parent.mkdir()
    (tmp_path / "metrics" / "probe").rename(outside)
    (tmp_path / "metrics" / "probe").symlink_to(outside)
    assert said(card) == whole
    images.write_text("edit")
    assert any(line.startswith(f"{images}: is not what ") for line in said(card))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("..", "so it is not looked into; remove it"),
        ("/", "so it is not looked into; remove it"),
        ("/proc", "so it is not looked into; remove it"),
        ("nowhere", "is a link that leads nowhere; make what it led to again, or remove it"),
    ],
)
def test_links_that_are_not_followed_are_faults(card, tmp_path, target, reason):
    (tmp_path / "models").symlink_to(target)
    (line,) = said(card)
    assert line.startswith(f"{tmp_path / 'models'}: is a link ")
    assert line.endswith(reason)


def test_circles_and_second_names_are_no_faults(card, tmp_path):
    for name, target in (("a", "."), ("metrics/b", ".."), ("metrics/probe/c", "../../metrics"), ("d", "metrics")):
        (tmp_path / name).symlink_to(target)
    assert said(card) == []


def test_many_links_among_folders_end(tmp_path, card):
    for k in range(20):
        (tmp_path / f"f{k}").mkdir()
        for other in range(20):
            (tmp_path / f"f{k}" / f"l{other}").symlink_to(f"../f{other}")
    assert said(card) == []


def test_folders_that_cannot_be_read_are_faults(card, tmp_path, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if Path(folder) == card.parent:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"drl: cannot be looked into \(Permission denied\); repair or remove it"):
        said(card)
    (tmp_path / "own.json").write_text("{}")
    assert f"{card.parent}: cannot be looked into (Permission denied); repair or remove it" in said(card)


@pytest.mark.parametrize("key", ["outputs", "seed", "git"])
def test_a_key_twice_is_refused(card, key):
    """Python's own reader keeps the last, which may be right."""
    text = card.read_text()
    card.write_text(text.replace(f'"{key}":', f'"{key}": {{"seed0.csv": "{"0" * 64}"}}, "{key}":', 1))
    assert json.loads(card.read_text()) == json.loads(text)
    assert f"{card}: cannot be read as a run card (the key '{key}' is given twice); make its output again" in said(card)


def test_older_cards_have_no_sizes(card):
    assert change(card, sizes={}) == []
    found = json.loads(card.read_text())
    del found["sizes"]
    card.write_text(json.dumps(found))
    assert said(card) == []
    assert change(card, sizes={"seed0.csv": 5}) == [
        f"{card.parent / 'seed0.csv'}: was changed after it was made; make it again"
    ]
