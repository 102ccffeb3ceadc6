"""A report of Snakemake, in a Chromium without a window and without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import Project

SLICE = ["figure_6", "table_2"]
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The machine's Chromium, or the one that Playwright downloaded (tests/report/browser.sh).

    It ends with its module: as long as it is open, Playwright's event loop runs in this thread, and `asyncio.run` of
    another test would be refused.
    """
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    from playwright.sync_api import Error, sync_playwright  # test_report.py is skipped where there is none

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(
                f"no Chromium to open the report in: tests/report/browser.sh installs one ({error.message[:80]})"
            )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def part(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a small slice of results, and the claims that they decide: a figure with pictures, and a table."""
    project = Project(tmp_path_factory.mktemp("report") / "project")
    run = project.snakemake("--cores", "2", *SLICE)
    assert run.returncode == 0, run.stdout + run.stderr
    for command in ("compare", "claims"):
        done = project.drl(command, "--configfile", "tiny.yaml")
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Path:
    """The report that $DRL_REPORT names, or one of the slice."""
    if "DRL_REPORT" in os.environ:
        return Path(os.environ["DRL_REPORT"]).resolve()
    return report_of(request.getfixturevalue("part"), *SLICE)


def report_of(project: Project, *targets: str) -> Path:
    """Write a report of these targets, which are made."""
    run = project.snakemake("--report", f"{'_'.join(targets)}.html", *targets)
    assert run.returncode == 0, run.stdout + run.stderr
    return project.folder / f"{'_'.join(targets)}.html"
