"""Snakemake killed alone or with its job, started twice, results edited by hand, code edited under a running job."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.processes import wait_for
from tests.workflow.conftest import TINY, Project, short_recipes

MODEL = "results/demo/models/digits/drl/seed0"
FIGURE = "results/demo/figures/code_usage"
FILES = tuple(
    f"{MODEL}/{name}" for name in ("model.safetensors", "snapshots.safetensors", "loss.csv", "code_usage.csv")
)
LOG = "results/demo/logs/pretrain/digits/drl/seed0.log"
CHANGES: dict[str, Any] = {
    "recipes": short_recipes(60),
    "items": TINY["items"] | {"code_usage": {"datasets": ["digits"], "recipes": ["drl"]}},
    "run": {"device": "cpu", "precision": "fp32", "compile": "off", "save_minutes": 1 / 120},
}


class Running(Project):
    """A copy of the project in which Snakemake can be left running."""

    def __init__(self, folder: Path) -> None:
        # Of a folder that is made already.
        self.folder = folder

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start Snakemake on the model."""
        command = [sys.executable, "-m", "snakemake", FILES[0], "--cores", "2", "--configfile", "tiny.yaml", *words]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def finish(self, target: str = FILES[0]) -> None:
        """Run Snakemake on the model, or another target, to its good end."""
        run = self.snakemake(target, "--cores", "2")
        assert run.returncode == 0, run.stdout + run.stderr

    def job(self, snakemake: subprocess.Popen[str]) -> psutil.Process:
        """Wait for the training to have saved its state, and return its process."""
        states = self.folder / "results" / "demo" / ".state"
        wait_for(lambda: list(states.glob("*/state.safetensors")) or snakemake.poll() is not None, 120)
        found = [
            child
            for child in psutil.Process(snakemake.pid).children(recursive=True)
            if child.cmdline()[1:4] == ["-m", "drl", "pretrain"]
        ]
        assert found, snakemake.stdout and snakemake.stdout.read()
        return found[0]

    def made(self) -> dict[str, bytes]:
        """Return the contents of what is compared."""
        return {name: (self.folder / name).read_bytes() for name in FILES}

    def copy(self, folder: Path) -> Running:
        """Copy everything, what Snakemake remembers included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Running(folder)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> Running:
    """A copy in which the images are prepared."""
    folder = tmp_path_factory.mktemp("prepared") / "project"
    project = Project(folder)
    (folder / "tiny.yaml").write_text(json.dumps(TINY | CHANGES))
    run = project.snakemake("results/demo/data/digits/images.safetensors", "--cores", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    return Running(folder)


@pytest.fixture(scope="session")
def whole(prepared, tmp_path_factory) -> Running:
    """A copy in which the figure is made, undisturbed."""
    project = prepared.copy(tmp_path_factory.mktemp("whole") / "project")
    project.finish("code_usage")
    return project


@pytest.fixture
def project(prepared, tmp_path) -> Running:
    """A copy in which the images are prepared, for one test."""
    return prepared.copy(tmp_path / "project")


def is_right(project: Running, whole: Running, target: str = FILES[0]) -> None:
    """Check that everything is made as if nothing had happened, and that nothing is left over or still to be done."""
    assert project.made() == whole.made()
    assert not list((project.folder / "results" / "demo" / ".state").rglob("*.safetensors"))
    assert not list((project.folder / "results").rglob(".*.part"))
    assert project.planned(target) == {}


@pytest.mark.parametrize("killed", ["snakemake, run again at once", "snakemake, run again later", "both"])
def test_a_snakemake_that_is_killed_is_run_again(killed, project, whole, chance):
    snakemake = project.begin()
    job = project.job(snakemake)
    time.sleep(chance.uniform(0, 1))
    snakemake.kill()
    snakemake.wait()
    if killed == "both":
        job.kill()
    if killed != "snakemake, run again at once":
        wait_for(lambda: not job.is_running(), 120)
    assert project.snakemake("--unlock").returncode == 0
    project.finish()
    said = (project.folder / LOG).read_text()
    if killed == "snakemake, run again later":
        assert "is made already" in said, said
    else:
        # At once: unless the second one has removed files that the first was just writing.
        assert "is made already" in said or "continues from step" in said, said
    is_right(project, whole)


def test_a_second_snakemake_does_no_harm(project, whole, chance):
    first = project.begin()
    job = project.job(first)
    job.suspend()
    locked = project.begin()
    said = locked.communicate(timeout=300)[0]
    assert locked.returncode == 1
    assert "cannot be locked" in said
    unlocked = project.begin("--nolock")
    log = project.folder / LOG
    wait_for(lambda: log.exists() and "is running this job already; waiting for it to end" in log.read_text(), 120)
    time.sleep(chance.uniform(0, 1))
    job.resume()
    for process in (unlocked, first):
        process.communicate(timeout=300)
    # Without its lock each removes what the other has made, and one may miss it; but no file is wrong.
    project.finish()
    is_right(project, whole)


def test_results_that_are_edited_by_hand_are_found_and_made_again(whole, tmp_path, chance):
    project = whole.copy(tmp_path / "project")
    files = (f"{MODEL}/code_usage.csv", f"{MODEL}/model.safetensors", f"{FIGURE}.svg")
    good = {file: (project.folder / file).read_bytes() for file in files}
    for file, content in good.items():
        edited = bytearray(content)
        edited[chance.randrange(len(edited) // 2, len(edited))] ^= 1 << chance.randrange(7)
        (project.folder / file).write_bytes(edited)
    found = project.drl("verify", "results/demo", "--configfile", "tiny.yaml")
    assert found.returncode == 1
    assert all(f"{file}: was changed after it was made; make it again" in found.stdout for file in files)
    run = project.snakemake("code_usage", "--cores", "2")
    assert run.returncode == 1
    line = (
        f"drl: {files[0]}: is not as it was made, model.safetensors.json says; run `drl verify results/demo --remove`"
    )
    assert line in run.stdout + run.stderr
    removed = project.drl("verify", "results/demo", "--remove", "--yes")
    assert f"{files[0]}: removed" in removed.stdout, removed.stdout + removed.stderr
    assert not any((project.folder / file).exists() for file in files)
    project.finish("code_usage")
    assert {file: (project.folder / file).read_bytes() for file in files} == good
    is_right(project, whole, "code_usage")
    assert project.drl("verify", "results/demo", "--configfile", "tiny.yaml").returncode == 0


def test_code_that_is_edited_under_a_running_job_does_not_reach_it(project, whole, chance):
    snakemake = project.begin()
    project.job(snakemake)
    project.edit("drl/training/ema.py", "return min(self.decay, (1 + n) / (10 + n))", "return self.decay")
    said = snakemake.communicate(timeout=300)[0]
    # The training is of the old code throughout, and known to be.
    assert project.made() == whole.made(), said
    assert project.planned(FILES[0])["pretrain"] == 1
    project.edit("drl/training/ema.py", "return self.decay", "return min(self.decay, (1 + n) / (10 + n))")
    is_right(project, whole)
