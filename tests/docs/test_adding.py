"""docs/adding.md is followed from top to bottom in a copy of the project: files, changes, commands."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import DOCS, blocks
from tests.workflow.conftest import Project, job_counts


def apply_diff(folder: Path, diff: str) -> None:
    """Make the changes of a diff without line numbers: what a hunk keeps and removes must stand in its file once."""
    for file, hunks in re.findall(r"^--- \S+\n\+\+\+ (\S+)\n(.*?)(?=^--- |\Z)", diff, flags=re.M | re.S):
        path = folder / file
        text = path.read_text()
        for hunk in re.split(r"^@@.*\n", hunks, flags=re.M)[1:]:
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if not line.startswith("+"))
            new = "".join(line[1:] for line in lines if not line.startswith("-"))
            assert text.count(old) == 1, f"{file} does not hold just once:\n{old}"
            text = text.replace(old, new)
        path.write_text(text)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with this Python's programs first, and see that it succeeds."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Without PYTHONPATH `drl` would be this checkout's, where a user's is that of the copy.
    own = os.environ | {"PATH": path, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=own, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The copy, and the jobs that each of the page's Snakemake calls ran."""
    project = Project(tmp_path_factory.mktemp("adding") / "project")
    demo = "config/scales/demo.yaml"
    project.edit(demo, "iterations: 40", "iterations: 4")
    project.edit(demo, "seeds: [0, 1], epochs: 5", "seeds: [0], epochs: 1")
    for page in DOCS.glob("*"):  # what drl.docs reads and writes
        if page.is_file():
            (project.folder / "docs").mkdir(exist_ok=True)
            (project.folder / "docs" / page.name).write_bytes(page.read_bytes())
    ran = []
    for block in blocks(DOCS / "adding.md"):
        if block.file is not None:
            (project.folder / block.file).write_text(block.text)
        elif block.language == "diff":
            apply_diff(project.folder, block.text)
        elif block.language == "python":
            run(project.folder, sys.executable, "-c", block.text)
        else:
            assert block.language == "sh"
            done = run(project.folder, "bash", "-e", "-c", block.text)
            if block.text.startswith("snakemake"):
                ran.append(job_counts(done.stdout + done.stderr))
    return project, ran


def test_dataset_of_class_folders_is_drawn(followed):
    _, ran = followed
    assert ran[0] == {"prepare": 1, "pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}


def test_new_method_trains_its_own_recipe_alone(followed):
    project, ran = followed
    assert ran[1] == {"pretrain": 1, "probe": 1, "draw_figure_4": 1, "figure_4": 1}
    with (project.folder / "results" / "demo" / "figures" / "figure_4.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["recipe"] for row in rows} == {"drl", "drl_l2"}
    assert {row["dataset"] for row in rows} == {"written"}


def test_new_figure_is_drawn_from_what_was_measured(followed):
    project, ran = followed
    assert ran[2].keys() == {"draw_label_curve", "label_curve"}
    figures = project.folder / "results" / "demo" / "figures"
    assert (figures / "label_curve.svg").is_file()
    with (figures / "label_curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["recipe"], row["t"]) for row in rows] == 4 * [("drl", "0.5")]
    assert [row["labels"] for row in rows] == ["100", "300", "1000", "1297"]


def test_new_parts_reach_what_is_made_from_the_code(followed):
    project, _ = followed
    folder = project.folder
    assert "l2_weight" in (folder / "config" / "config.schema.json").read_text()
    assert "## recipes.NAME.method: drl_l2" in (folder / "docs" / "configuration.md").read_text()
    assert "## Label curve" in (folder / "docs" / "items.md").read_text()
    assert "Label curve" in (folder / "docs" / "rule_graph.svg").read_text()
    assert "label_curve" in run(folder, "drl", "items").stdout
    plan = run(folder, "drl", "plan", "figure_4", "--configfile", "my.yaml", "--no-calibration").stdout
    assert "figure_4" in plan


def test_a_change_that_no_longer_fits_is_seen(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    diff = "--- a.txt\n+++ a.txt\n@@\n one\n-two\n+three\n"
    apply_diff(tmp_path, diff)
    assert (tmp_path / "a.txt").read_text() == "one\nthree\n"
    with pytest.raises(AssertionError, match=r"a\.txt does not hold just once"):
        apply_diff(tmp_path, diff)
