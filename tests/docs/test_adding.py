"""docs/adding.md is followed from top to bottom in a copy of the project: files, changes, commands."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.conftest import DOCS, FENCE, blocks
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
    project.edit(demo, "iterations: 25", "iterations: 4")
    project.edit(demo, "seeds: [0, 1], epochs: 3", "seeds: [0], epochs: 1")
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


def test_new_method_can_be_given_away(followed):
    """Its model card says what its own settings say of it."""
    card = (followed[0].folder / "exported" / "README.md").read_text()
    assert "conditional denoising score matching, with an L2 penalty on the code" in card
    assert "Reference: docs/adding.md." in card


def test_new_study_is_measured_and_its_figure_drawn(followed):
    """Study and figure have one name, and neither hides the other."""
    project, ran = followed
    assert ran[2] == {"measure_code_norm": 1, "draw_code_norm": 1, "code_norm": 1}
    results = project.folder / "results" / "demo"
    assert (results / "figures" / "code_norm.svg").is_file()
    with (results / "figures" / "code_norm.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["recipe"] for row in rows} == {"drl"}
    assert [float(row["t"]) for row in rows] == [k / 10 for k in range(11)]
    assert all(float(row["mean"]) > 0 for row in rows)


def test_the_page_says_how_many_files_a_study_takes():
    """Counted: files that are written whole, and files that are changed, after the heading."""
    parts = (DOCS / "adding.md").read_text().split("\n## ")
    (part,) = [part for part in parts if part.startswith("A study with its figure")]
    written = {file for file, _, _ in FENCE.findall(part) if file}
    changed = set(re.findall(r"^\+\+\+ (\S+)$", part, flags=re.M))
    assert len(written | changed) == 5


OWN = ("--configfile", "my.yaml", "--set", "dataset=written", "--set", "seeds=1")


def test_new_parts_reach_every_tool(followed):
    project, _ = followed
    folder = project.folder
    plan = run(folder, "drl", "plan", "code_norm", "--no-calibration", *OWN).stdout
    assert "1 code-norm" in plan
    verified = run(folder, "drl", "verify", "results/demo", *OWN).stdout
    assert verified.strip() == "results/demo: all results are whole and up to date"
    assert "code_norm" in run(folder, "drl", "costs", "results/demo", *OWN).stdout
    assert "code_norm" in run(folder, "drl", "items").stdout
    assert "method.l2_weight" in run(folder, "drl", "describe", "drl_l2", "--configfile", "my.yaml").stdout


def test_new_parts_reach_what_is_made_from_the_code(followed):
    folder = followed[0].folder
    assert "l2_weight" in (folder / "config" / "config.schema.json").read_text()
    assert "## recipes.NAME.method: drl_l2" in (folder / "docs" / "configuration.md").read_text()
    assert "## Code norm" in (folder / "docs" / "items.md").read_text()
    assert "Code norm" in (folder / "docs" / "rule_graph.svg").read_text()


def test_new_figure_is_in_the_report(followed):
    folder = followed[0].folder
    words = ("--configfile", "my.yaml", "--config", "dataset=written", "seeds=1", "--report", "report.html")
    run(folder, "snakemake", "code_norm", *words)
    report = (folder / "report.html").read_text()
    assert "Code norm: how long codes are, over t" in report
    assert "Lines are means over pretraining seeds" in report


def test_a_change_that_no_longer_fits_is_seen(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    diff = "--- a.txt\n+++ a.txt\n@@\n one\n-two\n+three\n"
    apply_diff(tmp_path, diff)
    assert (tmp_path / "a.txt").read_text() == "one\nthree\n"
    with pytest.raises(AssertionError, match=r"a\.txt does not hold just once"):
        apply_diff(tmp_path, diff)
