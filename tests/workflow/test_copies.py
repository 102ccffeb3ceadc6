"""Results that were copied without their times: whole ones count as made, and real changes are still made again."""

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.workflow.conftest import Project
from tests.workflow.test_reruns import set_in

METRICS = "results/demo/metrics/probe/digits/drl/seed0.csv"


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """results/demo with Figure 4, made elsewhere."""
    project = Project(tmp_path_factory.mktemp("original") / "project")
    run = project.snakemake("--cores", "2", "figure_4")
    assert run.returncode == 0, run.stdout + run.stderr
    return project.folder / "results" / "demo"


@pytest.fixture
def copied(original, project) -> Project:
    """A fresh project with a copy of these results, whose files have new times in a random order."""
    folder = project.folder / "results" / "demo"
    shutil.copytree(original, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    random.Random(0).shuffle(files)
    for number, path in enumerate(files):
        os.utime(path, (time.time() - 1000 + number,) * 2)
    return project


def jobs_of_run(project):
    """Run Figure 4 and return which jobs ran, and what it said."""
    run = project.snakemake("--cores", "2", "figure_4")
    assert run.returncode == 0, run.stdout + run.stderr
    said = run.stdout + run.stderr
    return sorted(line.split(": ", 1)[1] for line in said.splitlines() if line.startswith("Job ")), said


def test_a_copy_is_planned_again_only_without_adoption(copied):
    assert copied.planned("figure_4").get("pretrain", 0) > 0, "the times do not fit, or this tests nothing"
    before = {path: path.read_bytes() for path in copied.folder.joinpath("results").rglob("*.json")}
    jobs, said = jobs_of_run(copied)
    assert jobs == []
    assert "results/demo: 8 results are whole and count as made" in said
    assert {path: path.read_bytes() for path in before} == before
    assert copied.planned("figure_4") == {}
    assert "count as made" not in jobs_of_run(copied)[1], "times are in order now"


@pytest.mark.parametrize(
    ("keys", "value", "again"),
    [
        (("studies", "probe", "epochs"), 3, {"probe": 3}),
        # Nothing has a time that says so, because images are made from no result.
        (("datasets", "digits", "validation"), 21, {"prepare": 1, "pretrain": 3, "probe": 3}),
    ],
)
@pytest.mark.parametrize("first", [False, True])
def test_other_settings_are_made_again_also_if_they_are_set_later(copied, keys, value, again, first):
    if first:
        assert copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml").returncode == 0
    set_in(copied, *keys, value=value)
    if not first:
        run = copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml")
        assert run.returncode == 0, run.stderr
        assert "made with other settings" in run.stdout
    assert copied.planned("figure_4") == again | {"draw_figure_4": 1, "figure_4": 1}


def test_other_code_is_made_again(copied):
    copied.edit("drl/methods/simclr.py", "images.repeat(2, 1, 1, 1)", "images.repeat((2, 1, 1, 1))")
    assert copied.drl("adopt", "--scale", "demo", "--configfile", "tiny.yaml").returncode == 0
    assert copied.planned("figure_4") == {"pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}


def test_what_was_changed_by_hand_does_not_count_nor_what_was_made_from_it(copied):
    path = copied.folder / METRICS
    path.write_text(path.read_text() + "\n")
    run = copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml", "--json")
    assert run.returncode == 0, run.stderr
    assert METRICS not in run.stdout.partition('"others"')[0]
    assert "figure_4.svg" not in run.stdout.partition('"others"')[0]
    assert copied.planned("figure_4") == {"probe": 1, "draw_figure_4": 1, "figure_4": 1}


def test_what_is_renamed_writes_over_nothing(copied):
    images = copied.folder / "results/demo/data/digits"
    notes = images / "files.csv.old"
    notes.write_text("notes")
    own = (images / "files.csv").read_text() + "x"
    (images / "files.csv").write_text(own)
    run = copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml")
    assert run.returncode == 0, run.stderr
    assert notes.read_text() == "notes"
    assert (images / "files.csv.old2").read_text() == own
    assert "renamed to files.csv.old2" in run.stdout
    assert not (images / "images.safetensors").exists()


@pytest.mark.parametrize("text", ['{"author": "Ann"}', "{", "[]"])
def test_files_of_a_card_that_cannot_be_read_are_left_alone(copied, text):
    images = copied.folder / "results/demo/data/digits"
    (images / "images.safetensors.json").write_text(text)
    before = {path.name: path.read_bytes() for path in images.iterdir()}
    run = copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml")
    assert run.returncode == 0, run.stderr
    assert {path.name: path.read_bytes() for path in images.iterdir()} == before
    assert "left alone: remove it and its files yourself" in run.stdout


def test_files_outside_the_results_are_left_alone(copied, tmp_path):
    images, elsewhere = copied.folder / "results/demo/data/digits", tmp_path / "elsewhere"
    shutil.move(images, elsewhere)
    images.symlink_to(elsewhere)
    (elsewhere / "files.csv").write_text("theirs")
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    run = copied.drl("adopt", "results/demo", "--configfile", "tiny.yaml")
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert (run.returncode, run.stderr.count("\n")) in ((0, 0), (2, 1))


def test_a_folder_elsewhere_cannot_be_adopted(copied):
    other = copied.folder / "other"
    shutil.copytree(copied.folder / "results" / "demo", other)
    run = copied.drl("adopt", "other", "--configfile", "tiny.yaml")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "drl: adopt: other is not results/demo; copy results there, or give --scale\n"
