"""Citation, licence and changelog agree with the package, and hooks with `make check`."""

import re
import tomllib

import pytest
import yaml

from drl import __version__
from tests.docs.conftest import ROOT

# What CFF 1.2 allows at the top, of what is used here.
TYPES = {"cff-version": str, "message": str, "type": str, "title": str, "version": str, "license": str, "authors": list}


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text())


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_citation_has_what_cff_needs(citation):
    for key, kind in TYPES.items():
        assert isinstance(citation[key], kind), key
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    assert set(citation) <= {*TYPES, "keywords", "preferred-citation", "references"}
    assert [set(author) for author in citation["authors"]] == [{"name"}]


def test_citation_is_of_this_version_and_licence(citation, project):
    assert citation["version"] == __version__
    assert citation["license"] == project["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_paper_is_cited_with_all_that_a_reference_needs(citation):
    paper = citation["preferred-citation"]
    assert citation["references"] == [paper]
    assert paper["type"] == "conference-paper"
    assert [author["family-names"] for author in paper["authors"]] == [
        "Mittal",
        "Abstreiter",
        "Bauer",
        "Schölkopf",
        "Mehrjou",
    ]
    assert (paper["year"], paper["volume"], paper["publisher"]) == (2023, 202, {"name": "PMLR"})


def test_changelog_has_a_section_for_this_version_or_for_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d[^\]]*)\] - \d{4}-\d\d-\d\d$", text, flags=re.M)
    assert "## [Unreleased]" in text
    assert not released or released[0] == __version__


def test_hooks_before_a_commit_run_what_make_check_runs():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    target = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), flags=re.M)
    commands = [line.strip() for line in target[1].splitlines()]
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in repository["hooks"]] == commands
