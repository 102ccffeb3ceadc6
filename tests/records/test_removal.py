"""What `drl verify --remove` removes, and what it leaves."""

import json
import os

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.errors import UserError
from drl.files import sha256
from drl.records.removal import damaged, remove
from drl.records.run_card import write_card
from tests.cards import WHOLE

OTHER = "b" * 64


@pytest.fixture
def results(tmp_path):
    """Four results of two files each, with cards."""
    for name in "abcd":
        folder = tmp_path / "results" / "demo" / "metrics" / "probe" / "digits" / name
        folder.mkdir(parents=True)
        files = [folder / "seed0.csv", folder / "seed0.png"]
        for path in files:
            path.write_text(name)
        write_card("probe", files, {}, "code")
    return tmp_path / "results" / "demo"


def names(folder):
    return sorted(str(path.relative_to(folder)).removeprefix("metrics/probe/digits/") for path in folder.rglob("*.*"))


def removed(results):
    """Remove what is damaged; return the names, and what is said of what is left."""
    found = damaged(results)
    gone = list(remove(found, results))
    assert gone == list(found.files)
    return [path.name for path in gone], list(found.left)


def at(results, name):
    return results / "metrics" / "probe" / "digits" / name


def forge(path, outputs, **more):
    path.write_text(json.dumps({**WHOLE, "outputs": outputs, **more}))


def test_whole_results_stay(results):
    before = names(results)
    assert removed(results) == ([], [])
    assert names(results) == before


def test_a_changed_file_goes_with_all_of_its_card(results):
    (at(results, "b") / "seed0.png").write_text("edited")
    assert removed(results) == (["seed0.csv", "seed0.png", "seed0.csv.json"], [])
    assert {name[0] for name in names(results) if name.endswith("csv")} == set("acd")


def test_of_a_damaged_card_the_file_goes_that_it_is_named_after(results):
    card = at(results, "c") / "seed0.csv.json"
    card.write_text(card.read_text()[:20])
    assert removed(results) == (["seed0.csv", "seed0.csv.json"], [])
    assert "c/seed0.png" in names(results)


def test_what_is_only_outdated_missing_or_unknown_stays(results):
    folder = at(results, "d")
    (folder / "seed0.png").unlink()
    card = json.loads((folder / "seed0.csv.json").read_text())
    (folder / "seed0.csv.json").write_text(json.dumps(card | {"code": "old", "inputs": {"gone.csv": OTHER}}))
    (folder / "own.csv").write_text("own")
    (results / ".state" / "mark").mkdir(parents=True)
    (results / ".state" / "mark" / "y.csv.json").write_text("{")
    before = names(results)
    assert removed(results) == ([], [])
    assert names(results) == before


def test_other_peoples_json_and_the_files_beside_it_stay(results):
    (results / "photo.png").write_text("mine")
    (results / "photo.png.json").write_text('{"camera": "x"}')
    (results / "notes.md").write_text("mine")
    (results / "notes.md.json").write_text("{")
    before = names(results)
    files, left = removed(results)
    assert (files, names(results)) == ([], before)
    assert [line.endswith("left alone") for line in left] == [True]


@pytest.mark.parametrize(
    "place", ["absolute", "../../../../../../thesis.txt", "..", ".", "", "sub/../../seed0.csv", "a\0b"]
)
def test_a_card_speaks_only_of_files_beside_it(results, place):
    """The first example of all harm: a card that names somebody's thesis."""
    thesis = results.parents[1] / "thesis.txt"
    thesis.write_text("years of work")
    folder = at(results, "a")
    forge(folder / "x.csv.json", {str(thesis) if place == "absolute" else place: OTHER, "seed0.csv": OTHER})
    before = names(results)
    files, left = removed(results)
    assert (files, names(results)) == ([], before)
    assert thesis.read_text() == "years of work"
    assert len(left) == 1
    assert "x.csv.json: cannot be read as a run card" in left[0]


def test_what_lies_outside_once_links_are_resolved_stays(results, tmp_path):
    outside = tmp_path / "thesis.csv"
    outside.write_text("years of work")
    folder = at(results, "a")
    (folder / "link.csv").symlink_to(outside)
    (folder / "thesis.txt").write_text("mine")
    (folder / "place.csv").mkdir()
    os.mkfifo(folder / "pipe.csv")
    names_of = ("link.csv", "thesis.txt", "place.csv", "pipe.csv")
    forge(folder / "seed0.csv.json", dict.fromkeys([*names_of, "gone.csv"], OTHER) | {"seed0.csv": OTHER})
    files, left = removed(results)
    assert files == ["seed0.csv", "seed0.csv.json"]
    assert [any(name in line and line.endswith("left alone") for line in left) for name in names_of] == [True] * 4
    assert len(left) == 4
    assert outside.read_text() == "years of work"
    assert (folder / "link.csv").is_symlink()


def test_a_folder_of_results_may_itself_be_a_link(results, tmp_path):
    (at(results, "b") / "seed0.png").write_text("edited")
    (tmp_path / "link").symlink_to(results)
    assert removed(tmp_path / "link")[0] == ["seed0.csv", "seed0.png", "seed0.csv.json"]


def test_a_file_that_becomes_a_link_meanwhile_stays(results, tmp_path):
    file = at(results, "b") / "seed0.png"
    file.write_text("edited")
    found = damaged(results)
    outside = tmp_path / "thesis.png"
    file.rename(outside)
    file.symlink_to(outside)
    assert file not in list(remove(found, results))
    assert outside.read_text() == "edited"


def test_a_folder_without_cards_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no run cards"):
        damaged(tmp_path)


@pytest.mark.parametrize(("options", "answer", "said"), [([], "y\n", None), (["--yes"], None, None)])
def test_the_list_is_shown_before_anything_is_removed(results, options, answer, said):
    file = at(results, "b") / "seed0.csv"
    file.write_text("edited")
    run = CliRunner().invoke(cli, ["verify", str(results), "--remove", *options], input=answer)
    assert run.exit_code == 0, run.exc_info
    shown, _, done = run.output.partition(f"{file}: removed")
    assert f"{file}: to be removed" in shown
    assert "to be removed" not in done
    assert ("Remove these files (3)?" in shown) == (answer is not None)
    assert not file.exists()


@pytest.mark.parametrize(("answer", "said"), [("n\n", "^nothing was removed$"), ("", "nobody answered; give --yes")])
def test_without_a_yes_nothing_is_removed(results, answer, said):
    file = at(results, "b") / "seed0.csv"
    file.write_text("edited")
    before = {path: sha256(path) for path in results.rglob("*.*") if path.is_file()}
    run = CliRunner().invoke(cli, ["verify", str(results), "--remove"], input=answer)
    with pytest.raises(UserError, match=said):
        raise run.exception
    assert {path: sha256(path) for path in before} == before
