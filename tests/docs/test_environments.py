"""Containerfile, conda environment and lock file agree. What only a builder could tell is not tested here."""

import fnmatch
import json
import re
import runpy
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
WRITE_PINS = runpy.run_path(str(ROOT / "envs" / "write_pins.py"))


def instructions():
    """Return the Containerfile's instructions: keyword and what follows, continued lines joined."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of(keyword):
    return [rest for word, rest in instructions() if word == keyword]


def sources():
    return [name for rest in of("COPY") for name in rest.split()[:-1]]


def test_lock_and_conda_environment_are_what_write_pins_makes_of_the_lock():
    lock = (ROOT / "requirements.lock").read_text()
    packages = WRITE_PINS["pins"](lock.splitlines())
    assert WRITE_PINS["lock"](packages) == lock
    assert WRITE_PINS["conda_environment"](packages) == (ROOT / "envs" / "drl.yaml").read_text()


def test_pins_have_no_local_labels_and_no_packages_of_the_installer():
    assert WRITE_PINS["pins"](["torch==2.13.0+cpu", "pip==26.0", "-e .", "drl==0.1", "Attrs==1", "zip==2\n"]) == [
        "Attrs==1",
        "torch==2.13.0",
        "zip==2",
    ]


def test_image_conda_environment_and_project_agree_on_python():
    (image,) = of("FROM")
    tag = re.fullmatch(r"docker\.io/library/python:(3\.\d+)(\.\d+)-slim-\w+", image)
    assert tag, f"{image}: not a full version"
    environment = yaml.safe_load((ROOT / "envs" / "drl.yaml").read_text())
    (python,) = [line for line in environment["dependencies"] if str(line).startswith("python=")]
    assert python == f"python={tag[1]}"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tag[1] + tag[2] in SpecifierSet(wanted)
    assert f'base.name="{image}"' in " ".join(of("LABEL"))


def test_image_installs_the_lock_and_then_the_project_as_the_makefile_does():
    installs = [re.sub(r"\s+", " ", run) for run in of("RUN") if "pip install" in run]
    assert len(installs) == 2
    assert installs[0].endswith("-r requirements.lock")
    assert "--no-deps --no-build-isolation -e ." in installs[1]
    makefile = (ROOT / "Makefile").read_text()
    assert "-r requirements.lock" in makefile
    assert "--no-deps --no-build-isolation -e ." in makefile
    order = [rest for word, rest in instructions() if word in ("COPY", "RUN")]
    assert order.index("requirements.lock ./") < order.index("drl drl/"), "an edit of the code would install all again"


def test_image_holds_what_a_run_reads():
    assert {"Snakefile", "pyproject.toml", "config", "drl", "envs", "profiles", "workflow"} <= set(sources())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] in sources()


@pytest.mark.parametrize("source", sources())
def test_what_is_copied_exists_is_not_ignored_and_reaches_the_builder(source):
    assert (ROOT / source).exists()
    if shutil.which("git") and (ROOT / ".git").exists():
        ignored = subprocess.run(["git", "check-ignore", "-q", source], cwd=ROOT, check=False).returncode
        assert ignored == 1, f"git ignores {source}"
    sent = False
    for line in (ROOT / ".containerignore").read_text().splitlines():
        if line and not line.startswith("#") and fnmatch.fnmatch(source, line.removeprefix("!")):
            sent = line.startswith("!")
    assert sent, f".containerignore leaves {source} out"


def test_image_runs_snakemake_without_being_root():
    assert [json.loads(rest) for rest in of("ENTRYPOINT")] == [["snakemake"]]
    assert [json.loads(rest) for rest in of("CMD")] == [["--help"]]
    assert of("USER")[-1] not in ("root", "0")
    assert instructions()[-3] == ("USER", of("USER")[-1])


@pytest.mark.parametrize("command", of("RUN"))
def test_shell_of_the_image_can_be_parsed(command):
    subprocess.run(["sh", "-n", "-c", command], check=True)
