"""What a command may write over: nothing that it reads, nothing of another job, and nothing of somebody else."""

import json
import os

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.errors import UserError
from drl.files import write_json
from drl.records.own_files import MOST_LEVELS, Writes, own_files
from drl.records.run_card import write_card

ABOUT = {"scale": "demo", "seed": 0}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def writes(here, name="x.csv", beside=("x.png",), **more):
    files = [here / name, *(here / other for other in beside)]
    return Writes(**{"command": "probe", "about": ABOUT, "files": files} | more)


def make(said, **about):
    """Make all files of a job, and its card."""
    with own_files(said):
        for path in said.files:
            path.write_text(str(about))
        write_card(said.command, said.files, {}, "code", **{**said.about, **about})


def refused(said, message):
    before = {path: path.read_bytes() for path in said.files[0].parent.glob("**/*") if path.is_file()}
    with pytest.raises(UserError, match=message) as raised, own_files(said):
        pytest.fail("work began")
    assert "\n" not in str(raised.value)
    assert {path: path.read_bytes() for path in before} == before


def hidden(here):
    return sorted(name for name in os.listdir(here) if name.startswith("."))


def test_the_same_command_may_be_run_again(here):
    for _ in range(3):
        make(writes(here))
    assert hidden(here) == []


def test_a_named_file_may_be_replaced_and_nothing_beside_it(here):
    (here / "x.csv").write_text("mine")
    make(writes(here))
    (here / "z.png").write_text("mine")
    refused(writes(here, "z.csv", ["z.png"]), r"z\.png: is written beside z\.csv, but is there already, and not as")
    (here / "y.csv.json").write_text('{"camera": "mine"}')
    refused(writes(here, "y.csv", []), r"y\.csv\.json: is written beside y\.csv, but is there already")


@pytest.mark.parametrize("how", ["itself", "a link to it", "by a link of its folder", "what it links to", "other case"])
def test_no_input_is_written_to(here, how):
    (here / "data").mkdir()
    model, out = here / "data" / "model.safetensors", here / "data" / "model.safetensors"
    model.write_text("mine")
    if how == "a link to it":
        out = here / "link"
        out.symlink_to(model)
    elif how == "by a link of its folder":
        (here / "also").symlink_to("data")
        out = here / "also" / "model.safetensors"
    elif how == "what it links to":
        model = here / "link"
        model.symlink_to(out)
    elif how == "other case":
        out = here / "data" / "MODEL.safetensors"
        out.hardlink_to(model)
    refused(writes(here, out, [], inputs=[model]), "this command reads this file, so it does not write it; choose")
    refused(writes(here, "new.csv", [out], inputs=[model], usual=True), "this command reads this file")


def test_nor_what_lies_in_a_folder_of_inputs(here):
    folder = here / "tables"
    folder.mkdir()
    (folder / "table_1.csv").write_text("mine")
    refused(writes(here, folder / "table_1.csv", [], inputs=[folder]), "this command reads files in .*tables; choose")
    for _ in range(2):
        make(writes(here, folder / "claims.csv", [], inputs=[folder]))


@pytest.mark.parametrize(
    ("levels", "bad", "good"),
    [
        (range(1, 2), ["0.png"], ["deep/0.png", ".hidden.png", "../0.png"]),
        (range(1, MOST_LEVELS), ["0.png", "deep/0.png"], [".hidden/0.png"]),
        (range(2, MOST_LEVELS), ["class/0.png", "new/deep/0.png"], ["images.safetensors"]),
    ],
)
def test_nothing_is_put_among_images_that_are_read(here, levels, bad, good):
    images = here / "images"
    (images / "class").mkdir(parents=True)
    (here / "link").symlink_to(images)
    for name in bad:
        for folder in (images, here / "link"):
            refused(writes(here, folder / name, [], images=[images], levels=levels), "lies in .*, whose files are read")
    for name in good:
        with own_files(writes(here, images / name, [], images=[images], levels=levels)):
            pass


@pytest.mark.parametrize("other", [{"command": "few_shot"}, {"about": {"scale": "demo", "seed": 1}}])
def test_no_file_of_another_job_is_replaced(here, other):
    make(writes(here))
    refused(writes(here, **other), r"x\.csv: is of probe, x\.csv\.json says; choose another place for --out")
    refused(writes(here, "y.csv", ["x.png"], **other), r"x\.png: is of probe, x\.csv\.json says")
    refused(writes(here, "x.csv.json", [], **other), r"x\.csv\.json: is of probe, x\.csv\.json says")


def test_at_their_usual_place_files_are_the_jobs_own(here):
    """Such as those of a killed job, or those whose card says something else."""
    (here / "x.png").write_text("of a killed job")
    make(writes(here, usual=True), seed=7)
    make(writes(here, usual=True))


def test_what_a_failed_or_killed_job_left_is_its_own(here):
    said = writes(here)

    def stop(done):
        for path in said.files[:done]:
            path.write_text("half")
        raise KeyboardInterrupt

    def fail(done):
        with pytest.raises(KeyboardInterrupt), own_files(said):
            stop(done)

    fail(0)
    assert hidden(here) == []
    fail(2)
    assert hidden(here) == [".x.csv.making"]
    refused(writes(here, command="few_shot"), r"x\.png: is written beside")
    fail(1)
    make(said)
    assert hidden(here) == []


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"command": "probe", "about": {"scale": "demo", "seed": 0}}', None])
def test_a_note_that_is_none_is_not_believed(here, note):
    (here / "x.png").write_text("mine")
    if note is None:
        os.mkfifo(here / ".x.csv.making")
    else:
        (here / ".x.csv.making").write_text(note)
    refused(writes(here), r"x\.png: is written beside x\.csv")


def test_new_folders_go_if_nothing_was_made(here):
    with pytest.raises(UserError, match=r"^failed$"), own_files(writes(here, "new/deep/x.csv", ["new/deep/x.png"])):
        raise UserError("failed")
    assert os.listdir(here) == []


def test_two_files_need_two_names(here):
    refused(writes(here, "loss.csv", ["snapshots.safetensors", "loss.csv"]), "two files of this command would have one")
    refused(writes(here, "x.csv", ["x.csv.json"]), "two files of this command would have one name")


def drl(*words):
    run = CliRunner().invoke(cli, [*map(str, words), "--scale", "demo"])
    return str(run.exception) if run.exit_code else ""


PROBE = ("probe", "--dataset", "digits", "--recipe", "drl")


def test_no_command_of_a_step_writes_over_what_it_reads(here):
    model = here / "model.safetensors"
    model.write_text("mine")
    assert "model.safetensors: this command reads this file" in drl(*PROBE, "--model", model, "--out", model)
    (here / "own.yaml").write_text(json.dumps({"seeds": [0]}))
    assert "own.yaml: this command reads this file" in drl(*PROBE, "--configfile", "own.yaml", "--out", "own.yaml")
    usual = here / "results/demo/models/digits/drl/seed0/model.safetensors"
    usual.parent.mkdir(parents=True)
    usual.write_text("mine")
    assert "model.safetensors: this command reads this file" in drl(*PROBE, "--out", usual)
    assert (model.read_text(), usual.read_text()) == ("mine", "mine")
    assert "this command reads this file" in drl("figure", "4", here / "a.csv", "--out", here / "a.svg")
    assert "two files of this command would have one name" in drl(
        "pretrain", "--dataset", "digits", "--recipe", "drl", "--out", "loss.csv"
    )


def test_no_photo_becomes_prepared_images(here):
    (here / "pets" / "a").mkdir(parents=True)
    photo = here / "pets" / "a" / "0.png"
    photo.write_text("mine")
    about = {"source": "image_folder", "folder": "pets", "classes": 2, "channels": 1, "image_size": 8}
    about |= {"title": "Pets", "train": 8, "test": 4, "validation": 2, "contents": "x"}
    write_json("own.yaml", {"datasets": {"pets": about}})
    for out in (photo, photo.with_name("images.safetensors")):
        assert "whose files are read as images" in drl(
            "prepare", "--dataset", "pets", "--configfile", "own.yaml", "--out", out
        )
    assert photo.read_text() == "mine"


def test_a_card_from_elsewhere_gives_no_file_away(here):
    make(writes(here))
    (here / "x.png").write_text("mine")
    refused(writes(here), r"x\.png: is written beside x\.csv, but is there already, and not as this job made it")
    (here / "x.png").unlink()
    (here / "x.csv").write_text("the user names it")
    make(writes(here))
