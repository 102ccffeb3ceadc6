"""What `drl verify --remove` removes, and what it leaves."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.errors import UserError
from drl.files import sha256
from drl.jobs.lock import job_lock
from drl.pipeline.configuration import resolve
from drl.records import card as cards
from drl.records.removal import damaged, remove
from drl.records.run_card import write_card
from tests.cards import WHOLE

OTHER = "b" * 64
CONFIG = resolve("demo")


@pytest.fixture
def results(tmp_path):
    """Four results of two files each, with cards."""
    for name in ("a", "b", "vdrl", "d"):
        folder = tmp_path / "results" / "demo" / "metrics" / "probe" / "digits" / name
        folder.mkdir(parents=True)
        files = [folder / "seed0.csv", folder / "seed0.right.safetensors"]
        for path in files:
            path.write_text(name)
        write_card("probe", files, {}, "code")
    return tmp_path / "results" / "demo"


def names(folder):
    return sorted(str(path.relative_to(folder)).removeprefix("metrics/probe/digits/") for path in folder.rglob("*.*"))


def removed(results):
    """Remove what is damaged; return the names, and what is said of what is left."""
    found = damaged(results, CONFIG)
    gone = list(remove(found))
    assert gone == [(file, None) for file in found.files]
    return [file.name for file, _ in gone], list(found.left)


def at(results, name):
    return results / "metrics" / "probe" / "digits" / name


def forge(path, outputs, **more):
    path.write_text(json.dumps({**WHOLE, "outputs": outputs, **more}))


def test_whole_results_stay(results):
    before = names(results)
    assert removed(results) == ([], [])
    assert names(results) == before


def test_a_changed_file_goes_with_all_of_its_card(results):
    (at(results, "b") / "seed0.right.safetensors").write_text("edited")
    assert removed(results) == (["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"], [])
    assert {name[0] for name in names(results) if name.endswith("csv")} == set("avd")


def test_of_a_damaged_card_the_files_go_that_its_job_writes(results):
    """What its text names does not count: here it is cut behind the name of a file of the user's."""
    card = at(results, "vdrl") / "seed0.csv.json"
    (card.parent / "notes.md").write_text("mine")
    card.write_text('{"outputs": {"notes.md": "0", "notes.md": ')
    assert removed(results) == (["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"], [])
    assert names(card.parent) == ["notes.md"]


@pytest.mark.parametrize("text", ['{"a": 1}\n{"a": 2}\n', '// mine\n{"a": 1}', '{"a": 1, "a": 2}', "{", "é"])
@pytest.mark.parametrize(
    "place",
    [
        *("figures/sketch.svg", "figures/table_2.svg", "tables/survey.csv", "tables/figure_4.csv"),
        *("metrics/probe/digits/mine/seed0.csv", "metrics/probe/mine/drl/seed0.csv", "data/mine/images.safetensors"),
        *("models/digits/mine/seed0/model.safetensors", "metrics/probe/digits/drl/seed00.csv"),
    ],
)
def test_unreadable_json_where_the_configuration_has_no_job_is_the_users(results, place, text):
    """The example: sketch.svg and sketch.svg.json, in lines of JSON, were both removed."""
    file = results / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")
    file.with_name(f"{file.name}.json").write_text(text, encoding="latin-1")
    before = names(results)
    files, (line,) = removed(results)
    assert (files, names(results)) == ([], before)
    assert f"{file}.json: cannot be read as a run card" in line
    assert line.endswith("no job of this configuration writes it; left alone")


@pytest.mark.parametrize("text", ["", '{"data": 1, "data": 2}', "// mine\n{}"])
@pytest.mark.parametrize("place", ["figures/figure_4.svg", "tables/table_1.csv", "paper/figures/figure_4.svg"])
def test_a_folder_without_a_card_of_ours_holds_nothing_of_ours(place, text, tmp_path):
    """The example: somebody's paper, with its figures and what they are drawn from."""
    file = tmp_path / "work" / place
    file.parent.mkdir(parents=True)
    for path, content in ((file, "mine"), (file.with_suffix(".png"), "mine"), (Path(f"{file}.json"), text)):
        path.write_text(content)
    (tmp_path / "work" / "x.json").write_text('{"command": 1}')
    before = names(tmp_path / "work")
    files, (line,) = removed(tmp_path / "work")
    assert (files, names(tmp_path / "work")) == ([], before)
    assert line.endswith("there is no other run card of ours there; left alone")


def test_what_is_only_outdated_missing_or_unknown_stays(results):
    folder = at(results, "d")
    (folder / "seed0.right.safetensors").unlink()
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


def test_only_what_the_command_writes_goes(results):
    """The example: the card of a probe names notes.md of the user, and the results of another job."""
    folder = at(results, "a")
    for name in ("notes.md", "seed1.csv", "seed0.png"):
        (folder / name).write_text("mine")
    (folder / "seed0.csv").write_text("edited")
    forge(
        folder / "seed0.csv.json", dict.fromkeys(["notes.md", "seed1.csv", "seed0.png", "gone.md", "seed0.csv"], OTHER)
    )
    files, left = removed(results)
    assert files == ["seed0.csv", "seed0.csv.json"]
    said = "seed0.csv.json names it, but probe does not write such a file; left alone"
    assert left == [f"{folder / name}: {said}" for name in ("notes.md", "seed1.csv", "seed0.png")]
    assert (folder / "notes.md").read_text() == "mine"


def test_that_only_a_file_of_others_was_changed_removes_nothing(results):
    folder = at(results, "a")
    (folder / "notes.md").write_text("mine")
    forge(folder / "seed0.csv.json", {"seed0.csv": sha256(folder / "seed0.csv"), "notes.md": OTHER})
    files, (line,) = removed(results)
    assert files == []
    assert "probe does not write such a file" in line


@pytest.mark.parametrize(
    ("command", "named", "place", "goes"),
    [
        ("probe", "a.csv", "docs", False),
        ("probe", "seed0.csv", "docs", True),
        ("probe", "seed1.csv", "docs", False),
        ("pretrain", "model.safetensors", "docs", True),
        ("figure", "photo.svg", "docs", False),
        ("figure", "photo.svg", "figures", True),
        ("table", "photo.csv", "docs", False),
        ("claims", "claims.csv", "docs", True),
    ],
)
def test_without_folders_of_results_a_name_must_be_its_command_s(tmp_path, command, named, place, goes):
    """The example: the card docs/a.csv.json says that probe made thesis.md and photo.png."""
    folder = tmp_path / place
    folder.mkdir()
    for name in (named, "thesis.md", "photo.png"):
        (folder / name).write_text("mine")
    forge(folder / f"{named}.json", dict.fromkeys([named, "thesis.md"], OTHER), command=command, seed=0)
    files, left = removed(folder)
    assert files == ([named, f"{named}.json"] if goes else [])
    assert any(line.startswith(f"{folder / 'thesis.md'}: ") for line in left)
    assert (folder / "thesis.md").read_text() == (folder / "photo.png").read_text() == "mine"


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
    (at(results, "b") / "seed0.right.safetensors").write_text("edited")
    (tmp_path / "link").symlink_to(results)
    assert removed(tmp_path / "link")[0] == ["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"]


def test_a_file_that_becomes_a_link_meanwhile_stays(results, tmp_path):
    file = at(results, "b") / "seed0.right.safetensors"
    file.write_text("edited")
    found = damaged(results, CONFIG)
    outside = tmp_path / "thesis.png"
    file.rename(outside)
    file.symlink_to(outside)
    assert (file, None) not in list(remove(found))
    assert outside.read_text() == "edited"


def test_a_folder_without_cards_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no run cards"):
        damaged(tmp_path, CONFIG)


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


def answered(results, meanwhile):
    """Answer yes to the question, after something happened; return what is printed after it."""
    found = damaged(results, CONFIG)
    meanwhile()
    return {file.name: reason for file, reason in remove(found)}


def test_what_is_good_again_when_the_answer_comes_stays(results):
    file = at(results, "b") / "seed0.csv"
    whole = file.read_bytes()
    file.write_text("edited")
    before = names(results)
    said = answered(results, lambda: file.write_bytes(whole))
    assert set(said) == {"seed0.csv", "seed0.right.safetensors", "seed0.csv.json"}
    assert set(said.values()) == {"is no longer damaged"}
    assert names(results) == before


def test_that_it_stays_is_said(results, monkeypatch):
    file = at(results, "b") / "seed0.csv"
    whole = file.read_bytes()
    file.write_text("edited")
    monkeypatch.setattr("click.confirm", lambda text: file.write_bytes(whole))
    run = CliRunner().invoke(cli, ["verify", str(results), "--remove"])
    assert run.exit_code == 0
    assert f"{file}: is no longer damaged; left alone" in run.output
    assert run.output.endswith(f"{results}: nothing was removed\n")


def test_what_another_job_made_since_the_question_stays(results):
    file = at(results, "b") / "seed0.csv"
    file.write_text("edited")
    assert set(answered(results, lambda: write_card("probe", [file], {}, "code")).values()) == {"is no longer damaged"}


def test_files_of_a_running_job_stay(results):
    file = at(results, "b") / "seed0.csv"
    file.write_text("half")
    found = damaged(results, CONFIG)
    with job_lock("probe", file):
        reasons = {reason for _, reason in remove(found)}
        (line,) = damaged(results, CONFIG).left
        assert damaged(results, CONFIG).files == ()
    assert len(reasons) == 1
    assert f"process {os.getpid()} on " in line
    assert line.endswith("is running the job that makes it; left alone")
    assert file.exists()
    assert removed(results)[0] == ["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"]


def test_a_lock_that_cannot_be_taken_is_said(results):
    file = at(results, "b") / "seed0.csv"
    file.write_text("edited")
    (file.parent / ".seed0.csv.lock").mkdir()
    files, (line,) = removed(results)
    assert files == []
    assert "seed0.csv.json: " in line
    assert file.exists()


@pytest.mark.parametrize("text", ['{"note": "mine"}', "{", "[1]"])
@pytest.mark.parametrize("place", ["mynotes", "mynotes/deep", "metrics/mynotes"])
def test_notes_of_ones_own_that_have_names_of_ours_stay(results, place, text):
    notes = results / place
    notes.mkdir(parents=True)
    (notes / "claims.csv").write_text("mine")
    (notes / "claims.csv.json").write_text(text)
    before = names(results)
    assert removed(results)[0] == []
    assert names(results) == before
    assert removed(results.parent)[0] == []
    assert names(results) == before


def test_what_is_no_card_stays_also_at_the_place_of_one(results):
    (results / "claims.csv").write_text("mine")
    (results / "claims.csv.json").write_text('{"note": "mine"}')
    assert removed(results) == ([], [])


@pytest.mark.parametrize("folder", [".", "..", "metrics", "metrics/probe/digits/vdrl"])
def test_a_card_that_cannot_be_read_goes_from_whatever_folder_one_looks(results, folder):
    (at(results, "vdrl") / "seed0.csv.json").write_text("{")
    assert removed(results / folder)[0] == ["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"]


def test_a_file_of_another_size_is_not_read(results, monkeypatch):
    """It may have been made as large as a disk, in an instant."""
    file = at(results, "b") / "seed0.csv"
    os.truncate(file, 2**33)
    read = []

    def spy(path):
        read.append(path)
        return sha256(path)

    monkeypatch.setattr(cards, "sha256", spy)
    assert removed(results)[0] == ["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"]
    assert file not in read
    assert read


def test_what_lies_in_a_linked_folder_outside_is_reported_if_it_is_damaged(results, tmp_path):
    outside = tmp_path / "disk"
    at(results, "b").rename(outside)
    at(results, "b").symlink_to(outside)
    assert removed(results) == ([], [])
    (outside / "seed0.right.safetensors").write_text("edited")
    files, (line,) = removed(results)
    assert files == []
    assert "seed0.right.safetensors: seed0.csv.json names it, but it lies outside the folder; left alone" in line
    run = CliRunner().invoke(cli, ["verify", str(results), "--remove", "--yes"])
    assert run.output.splitlines() == [line, f"{results}: what is damaged is left alone, so nothing is removed"]
    assert removed(outside)[0] == ["seed0.csv", "seed0.right.safetensors", "seed0.csv.json"]


@pytest.mark.parametrize(
    ("command", "place"),
    [("export", "share"), ("encode", "metrics/codes"), ("unknown", "metrics/probe/digits/x"), ("probe", "mine")],
)
def test_what_snakemake_does_not_make_again_is_only_named(results, command, place):
    """The example: an export's README was edited, and its weights went too."""
    folder = results / place
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "model.safetensors", folder / "README.md"]
    for path in files:
        path.write_text("as made")
    write_card(command, files, {}, "code")
    files[1].write_text("my own words")
    before = names(results)
    run = CliRunner().invoke(cli, ["verify", str(results), "--remove", "--yes"])
    assert run.exit_code == 0
    assert run.output.splitlines() == [
        f"{files[1]}: was changed, but snakemake does not make it again ({command} put it there); left alone",
        f"{results}: what is damaged is left alone, so nothing is removed",
    ]
    assert names(results) == before


def test_what_was_published_is_only_named_since_nobody_makes_it_again_there(results):
    changed = at(results, "a") / "seed0.csv"
    changed.write_text("changed")
    (results / "published.json").write_text('{"format": 1, "published": {}, "left_out": {}}')
    gone, left = removed(results)
    assert gone == []
    assert [line for line in left if "was changed, but snakemake does not make it again" in line]
    (results / "published.json").unlink()
    assert removed(results)[0]
