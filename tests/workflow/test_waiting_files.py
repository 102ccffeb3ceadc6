"""Settings of others: none keeps a Snakemake waiting or is read unchecked, from whatever folder it is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SNAKEMAKE = ["-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile")]
OPTIONS = ["--cores", "1", "-n", "figure_4"]


def said(folder, *words):
    """Return exit code and last line of a command in a folder; a command that waits fails the test."""
    environment = {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
    environment["PYTHONPATH"] = str(PROJECT)
    run = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return run.returncode, (run.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_our_profiles_check_settings_from_any_folder(tmp_path, profile):
    os.mkfifo(tmp_path / "own.yaml")
    code, line = said(tmp_path, *SNAKEMAKE, *OPTIONS, "--workflow-profile", profile, "--configfile", "own.yaml")
    assert (code, line) == (2, "drl: own.yaml is a FIFO and not a file: remove it, or move it elsewhere")


@pytest.mark.parametrize(
    "words", [["--profile", "pf"], ["--workflow-profile", "none", "--configfile", "pf/config.yaml"]]
)
def test_drl_run_checks_before_snakemake(tmp_path, words):
    (tmp_path / "pf").mkdir()
    os.mkfifo(tmp_path / "pf" / "config.yaml")
    code, line = said(tmp_path, "-m", "drl", "run", *OPTIONS, *words)
    assert (code, line) == (2, "drl: pf/config.yaml is a FIFO and not a file: remove it, or move it elsewhere")


def test_settings_of_a_workflow_around_ours_are_checked_too(tmp_path):
    """Its `configfile:` is read before our Snakefile."""
    (tmp_path / "Snakefile").write_text(f'configfile: "own.yaml"\ninclude: "{PROJECT / "Snakefile"}"\n')
    (tmp_path / "own.yaml").write_text("studies: {probe: {epochs: 1}}\nstudies: {few_shot: {seeds: [1]}}\n")
    code, line = said(tmp_path, "-m", "snakemake", *OPTIONS)
    assert code == 2
    assert (
        line
        == "drl: own.yaml: line 2: the key 'studies' stands in line 1 already; put what belongs to it under one of them"
    )
