"""What the hosting site and the workflow catalogue read: workflows, forms, release notes."""

import json
import re
import subprocess
import sys

import pytest
import yaml

from tests.docs.conftest import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w.-]+|\$\(READY\)):", (ROOT / "Makefile").read_text(), flags=re.M)) | {".venv/.ready"}


def steps(workflow):
    return [step for job in yaml.safe_load(workflow.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_what_make_has_and_pin_what_they_use(workflow):
    found = steps(workflow)
    made = {target for step in found for target in re.findall(r"\bmake ([\w./-]+)", step.get("run", ""))}
    assert made <= TARGETS
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in found if "uses" in step)
    assert yaml.safe_load(workflow.read_text())["permissions"]
    assert all(
        "timeout-minutes" in job or len(job["steps"]) == 1
        for job in yaml.safe_load(workflow.read_text())["jobs"].values()
    )


def test_there_is_a_workflow_for_each_kind_of_check():
    assert {path.stem for path in WORKFLOWS} == {"check", "test", "docs", "release"}
    assert "../../actions/workflows/check.yml" in (ROOT / "README.md").read_text()


def notes(version):
    command = [sys.executable, str(GITHUB / "release_notes.py"), version]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_release_notes_are_the_versions_section():
    text = (ROOT / "CHANGELOG.md").read_text()
    version = re.search(r"^## \[(\d[^\]]*)\]", text, flags=re.M)[1]
    made = notes(version)
    assert made.returncode == 0
    assert made.stdout.strip() in text
    assert "## [" not in made.stdout
    missing = notes("99.0.0")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "nothing about 99.0.0" in missing.stderr


def test_forms_ask_for_something():
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config"]
    assert len(forms) == 2
    for form in forms:
        asked = yaml.safe_load(form.read_text())
        assert {"name", "description", "body"} <= set(asked)
        assert len({part["id"] for part in asked["body"]}) == len(asked["body"])


def test_the_container_for_development_installs_with_make():
    made = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert "make .venv/.ready" in made["postCreateCommand"]


def test_the_catalogue_finds_the_workflow():
    """https://snakemake.github.io/snakemake-workflow-catalog asks for these three files."""
    about = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())
    assert about["usage"]["report"] is True
    files = set(re.findall(r"^\| `([\w./]+)`", (ROOT / "config" / "README.md").read_text(), flags=re.M))
    assert files == {path.name + "/" * path.is_dir() for path in (ROOT / "config").iterdir()} - {
        "README.md",
        "config.schema.json",
    }
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "-n", "--quiet", "host"]
    planned = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"^everything +1$", planned.stdout + planned.stderr, flags=re.M)
