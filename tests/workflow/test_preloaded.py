"""A small run with and without the preloaded server: the same files, and each job really ran where it should."""

import json
import re
from pathlib import Path

from drl.jobs.preloaded import OFF, VARIABLE
from tests.workflow.conftest import Project

TARGETS = ("code_usage", "results/demo/metrics/probe/digits/drl/seed0.csv", "figure_6")
# What differs between two runs of a job as well.
MEASURED = ("seconds", "cpu_seconds", "images_per_second", "peak_memory_bytes")
COUNTS = 'def _end_as(code: int) -> None:\n    print("by the server", file=open("served", "a"))\n'


def run(folder: Path) -> tuple[dict[str, object], int]:
    """Run Snakemake in a copy; return its files without what is measured, and how many jobs the server ran."""
    project = Project(folder)
    project.edit("drl/jobs/preloaded.py", "def _end_as(code: int) -> None:\n", COUNTS)
    ended = project.snakemake(*TARGETS, "--cores", "2")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    served = folder / "served"
    files = [path for path in (folder / "results").rglob("*") if path.is_file() and path.suffix != ".tsv"]
    return {str(path.relative_to(folder)): content(path) for path in files}, (
        len(served.read_text().splitlines()) if served.exists() else 0
    )


def content(path: Path) -> object:
    """Return what a file says, without what is measured."""
    if path.suffix == ".json":
        return {name: value for name, value in json.loads(path.read_text()).items() if name not in MEASURED}
    if path.suffix == ".log":
        return re.sub(r"[\d,]+ \S+/s", "", path.read_text())
    return path.read_bytes()


def test_files_cards_and_logs_are_those_of_plain_processes(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    made, served = run(tmp_path / "served")
    monkeypatch.setenv(VARIABLE, OFF)
    plain, none = run(tmp_path / "plain")
    cards = [name for name in made if name.endswith(".json")]
    assert (served, none) == (len(cards), 0)
    assert served >= 5
    assert made.keys() == plain.keys()
    assert [name for name in made if made[name] != plain[name]] == []
