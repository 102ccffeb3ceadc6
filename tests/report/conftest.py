"""A report of Snakemake, in a Chromium without a window and without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.conftest import Project

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
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that $DRL_REPORT names, or one of a small slice: a figure with pictures, and a table."""
    if "DRL_REPORT" in os.environ:
        return Path(os.environ["DRL_REPORT"]).resolve()
    project = Project(tmp_path_factory.mktemp("report") / "project")
    targets = ["figure_6", "table_2"]
    for words in (["--cores", "2"], ["--report", "report.html"]):
        run = project.snakemake(*words, *targets)
        assert run.returncode == 0, run.stdout + run.stderr
        if words[0] == "--cores":
            for command in ("compare", "claims"):
                done = project.drl(command, "--configfile", "tiny.yaml")
                assert done.returncode == 0, done.stderr
    return project.folder / "report.html"
