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
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
WRITE_LOCKS = runpy.run_path(str(ENVS / "write_locks.py"))


def instructions():
    """Return the Containerfile's instructions: keyword and what follows, continued lines joined."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def of(keyword):
    return [rest for word, rest in instructions() if word == keyword]


def sources():
    return [name for rest in of("COPY") for name in rest.split()[:-1]]


def entries(name):
    return [entry for entry in WRITE_LOCKS["entries"]((ENVS / name).read_text()) if not entry.startswith("#")]


@pytest.mark.parametrize("name", ["build.lock", "runtime.lock", "dev.lock"])
def test_every_package_of_a_lock_has_one_version_and_hashes(name):
    for entry in entries(name):
        first, *hashes = entry.replace("\\\n", "\n").splitlines()
        assert re.fullmatch(r"[a-z0-9-]+==[^\s,*]+( ; .+)?", first.strip()), first
        assert hashes, first
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64} *", line) for line in hashes), first


def test_development_adds_to_the_pipeline_and_changes_nothing_of_it():
    build, runtime, dev = (
        {re.sub(" ;.*", " \\\\", entry) for entry in entries(f"{name}.lock")} for name in ("build", "runtime", "dev")
    )
    assert build <= runtime < dev


def test_every_direct_dependency_is_locked_at_a_version_that_is_allowed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {"runtime.lock": project["dependencies"] + extras["pipeline"], "dev.lock": extras["dev"]}
    for name, lines in wanted.items():
        pins = [WRITE_LOCKS["pin"](entry).partition(" ;")[0] for entry in entries(name) + entries("torch.txt")]
        pinned = {canonicalize_name(pin.partition("==")[0]): pin.partition("==")[2] for pin in pins}
        for requirement in map(Requirement, lines):
            assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_conda_environment_has_the_versions_of_the_pipeline():
    text = WRITE_LOCKS["conda_environment"]((ENVS / "runtime.lock").read_text(), (ENVS / "torch.txt").read_text())
    assert text == (ENVS / "drl.yaml").read_text()


def test_torch_and_what_it_brings_is_left_out_of_a_lock():
    sha = "    --hash=sha256:" + 64 * "0" + "\n"
    resolved = "".join(f"{line} \\\n{sha}" for line in ("attrs==1", "nvidia-nccl-cu13==2 ; x == 'y'", "torch==2.13.0"))
    assert WRITE_LOCKS["lock"]("dev", resolved) == WRITE_LOCKS["HEADS"]["dev"] + f"attrs==1 \\\n{sha}"
    assert WRITE_LOCKS["torch_pins"](resolved).splitlines()[1:] == ["torch==2.13.0"]


@pytest.mark.parametrize("file", ["Makefile", "Containerfile", *(path.name for path in ENVS.glob("*.*"))])
def test_no_second_index_can_supply_a_package(file):
    path = next(folder / file for folder in (ROOT, ENVS) if (folder / file).exists())
    assert "extra-index" not in path.read_text()


def test_image_conda_environment_and_project_agree_on_python():
    (image,) = of("FROM")
    tag = re.fullmatch(r"(docker\.io/library/python:(3\.\d+)(\.\d+)-slim-\w+)@(sha256:[0-9a-f]{64})", image)
    assert tag, f"{image}: not a full version with its digest"
    environment = yaml.safe_load((ROOT / "envs" / "drl.yaml").read_text())
    (python,) = [line for line in environment["dependencies"] if str(line).startswith("python=")]
    assert python == f"python={tag[2]}"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tag[2] + tag[3] in SpecifierSet(wanted)
    assert f'base.name="{tag[1]}"' in " ".join(of("LABEL"))
    assert f'base.digest="{tag[4]}"' in " ".join(of("LABEL"))


def test_image_installs_the_locks_and_then_the_project_as_the_makefile_does():
    packages, project = (re.sub(r"\s+", " ", run).split(" && ") for run in of("RUN") if "pip install" in run)
    makefile = (ROOT / "Makefile").read_text()
    options = "--no-deps --require-hashes --no-build-isolation"
    assert f"\nHASHED = {options}\n" in makefile
    for command, lock in zip(packages, ["build.lock", "runtime.lock"], strict=False):
        assert command.endswith(f"{options} -r envs/{lock}")
    assert [command.split()[-1] for command in packages] == [
        "envs/build.lock",
        "envs/runtime.lock",
        "envs/torch.txt",
    ]
    assert re.findall(r"-r envs/(\S+)", makefile) == ["build.lock", "dev.lock", "torch.txt"]
    assert "--no-deps --no-build-isolation -e ." in project[0]
    assert "--no-deps --no-build-isolation -e ." in makefile
    order = [rest for word, rest in instructions() if word in ("COPY", "RUN")]
    locks = "envs/build.lock envs/runtime.lock envs/torch.txt envs/"
    assert order.index(locks) < order.index("drl drl/"), "an edit of the code would install all again"


@pytest.mark.parametrize(("version", "allowed"), [("3.11.4", 0), ("3.11.5", 1), ("3.13.9", 1), ("3.14.0", 0)])
def test_makefile_and_project_agree_on_python(version, allowed):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert (version in SpecifierSet(wanted)) == allowed
    (check,) = re.findall(
        r"if not (\(3.+?\) <= )sys\.version_info\[:3\]( < \(3, \d+\))", (ROOT / "Makefile").read_text()
    )
    assert eval(f"{check[0]}{tuple(map(int, version.split('.')))}{check[1]}") == allowed


def test_image_holds_what_a_run_reads():
    assert {"Snakefile", "pyproject.toml", "setup.py", "config", "drl", "envs", "profiles", "workflow"} <= set(
        sources()
    )
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
        names = [source, *map(str, Path(source).parents)][: source.count("/") + 1]
        if line and not line.startswith("#") and any(fnmatch.fnmatch(name, line.removeprefix("!")) for name in names):
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
