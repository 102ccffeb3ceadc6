"""A copy of the project in which Snakemake really runs, on a few images and steps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drl.config.merge import merge
from tests.recipes import every_recipe

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "drl", "config", "profiles", "envs")
SMALL_NETWORK = {"nf": 4, "channel_multipliers": [1, 1]}


def short_recipes(iterations: int) -> dict[str, Any]:
    """Return recipes that train small networks for a number of steps."""
    everywhere = every_recipe(iterations=iterations, batch_size=8, optimiser={"warmup_steps": 2})
    some = {
        "drl": {"score": SMALL_NETWORK},
        "drl_8d": {"sweep": {"lambda": [1e-5, 1e-3]}, "encoder": SMALL_NETWORK},
        "drl_2d": {"encoder": SMALL_NETWORK, "score": SMALL_NETWORK, "sampler": {"steps": 4}},
        "drl_2d_single": {"sweep": {"t": [0.5, 0.9]}},
        "drl_nd": {"sweep": {"d": [2, 3]}},
        "unconditional": {"sampler": {"steps": 4}},
        "song_deep": {"score": {"nf": 4}},
    }
    return merge(everywhere, some)


TINY: dict[str, Any] = {
    "scale": "demo",
    "seeds": [0],
    "datasets": {"digits": {"train": 100, "test": 60, "validation": 20}},
    "recipes": short_recipes(4),
    "studies": {
        "probe": {"t": [0.0, 0.5, 1.0], "label_budgets": [20, 30, 50, "all"], "epochs": 2, "hidden": 8, "seeds": [0]},
        "few_shot": {"t": [0.0, 1.0], "labels": [20, 40]},
        "learning_speed": {"snapshots": 2, "t": [0.5]},
        "code_usage": {"times": 2, "images": 8, "t": [0.5]},
        "latent_grid": {"cells": 2},
        "code_swap": {"classes": 2, "tolerance": 0.1},
        "one_code": {"columns": 2},
        "later_start": {"t_init": [0.5, 1.0], "images": 70, "shown": 2},
        "theory": {"steps": 5, "t": [0.5, 1.0], "draws": 100, "nodes": 4, "paths": 100, "path_steps": 20, "train": 50},
        "fine_tune": {
            "labels": {"digits": [20]},
            **{"steps": 37, "batch_size": 10, "labelled_batch": 5, "supervised_epochs": 1, "early_epoch": 2},
            **{"passes": 1, "versions": 1, "neighbours": 5, "search": [0.2, 0.8]},
        },
    },
    "items": {
        "figure_4": {"datasets": ["digits"], "recipes": ["drl", "vdrl", "simclr"]},
        "figure_5": {"datasets": ["digits"], "recipes": ["drl_vp", "simclr"]},
        "figure_8": {"datasets": ["digits"], "recipes": ["drl_8d"]},
        **{f"figure_{n}": {"recipes": ["drl", "vdrl"], "budget": k} for n, k in ((9, 20), (10, 30), (11, 50))},
        **{f"figure_{n}": {"datasets": ["digits"]} for n in (6, 7, 13)},
        "figure_2": {"datasets": ["digits"], "recipes": ["drl_2d_focus"]},
        "figure_3": {"datasets": ["digits"], "recipes": ["vdrl_2d"]},
        "figure_12": {"datasets": ["digits"], "seeds": [0]},
        "table_1": {"datasets": ["digits"], "arms": ["none", "drl"], "beyond": []},
        "table_2": {"datasets": ["digits"]},
        "table_3": {"datasets": ["digits"], "arms": ["none", "drl_search"]},
        "table_4": {"datasets": ["digits"], "arms": ["none", "drl"]},
        "table_5": {"datasets": ["digits"], "arms": ["drl"]},
        "t_trajectory": {"datasets": ["digits"], "arms": ["drl", "drl_t05_free"]},
        "table_6": {"datasets": ["digits"]},
        "learning_curve": {"datasets": ["digits"], "recipes": ["drl", "drl_edm"]},
        "code_usage": {"datasets": ["digits"], "recipes": ["drl", "vdrl"]},
    },
}


class Project:
    """A copy of the project.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            source, target = ROOT / part, folder / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        (folder / "tiny.yaml").write_text(json.dumps(TINY))

    def snakemake(self, *words: str, tiny: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake here and return what it printed, whatever its exit code."""
        command = [sys.executable, "-m", "snakemake", *words, *(["--configfile", "tiny.yaml"] if tiny else [])]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, env=environment, timeout=1800, check=False
        )

    def drl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a `drl` command of this copy."""
        command = [sys.executable, "-m", "drl", *words]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=600, check=False)

    def planned(self, *words: str) -> dict[str, int]:
        """Dry-run and return how many jobs of each rule would run."""
        run = self.snakemake(*words, "-n", "--quiet", "host")
        assert run.returncode == 0, run.stdout + run.stderr
        return job_counts(run.stdout + run.stderr)

    def pretend(self, snakemake: Callable[..., subprocess.CompletedProcess[str]]) -> None:
        """Put empty files in place of all results of some targets, and let Snakemake take them for made.

        Args:
            snakemake: Runs Snakemake on the targets with more words.
        """
        for line in snakemake("--summary").stdout.splitlines()[1:]:
            path = self.folder / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        run = snakemake("--touch", "--forceall", "--cores", "1")
        assert run.returncode == 0, run.stdout + run.stderr

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file once."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))


def job_counts(printed: str) -> dict[str, int]:
    """Read Snakemake's table of jobs."""
    counts: dict[str, int] = {}
    lines = iter(printed.splitlines())
    for line in lines:
        if line.split() == ["job", "count"]:
            next(lines)  # the rule below the head
            for row in lines:
                words = row.split()
                if len(words) != 2 or words[0] == "total":
                    break
                counts[words[0]] = int(words[1])
            break
    return counts


@pytest.fixture
def project(tmp_path) -> Project:
    """A fresh copy, nothing made yet."""
    return Project(tmp_path / "project")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    """A copy in which everything has been made once."""
    project = Project(tmp_path_factory.mktemp("made") / "project")
    run = project.snakemake("--cores", "2")
    assert run.returncode == 0, run.stdout + run.stderr
    return project
