"""The wheel, built from a copy of the checkout, and environments in which nothing but it is new."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.evaluation.conftest import model_file  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
# What building reads.
SOURCES = (
    *("drl", "config", "workflow", "profiles", "envs", "docs/results/costs.csv", "Snakefile", "pyproject.toml"),
    *("setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"),
)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel.

    Attributes:
        folder: The environment.
    """

    folder: Path

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"

    def run(self, program: str, *words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run a program of this environment, with nothing of the one that runs the tests."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = kept | {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        command = [str(self.folder / "bin" / program), *map(str, words)]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
        )


def pip(*words: object) -> None:
    """Run pip, which asks no index."""
    command = [sys.executable, "-m", "pip", *map(str, words)]
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="session")
def sources(tmp_path_factory) -> Path:
    """A copy of what a wheel is built from."""
    folder = tmp_path_factory.mktemp("sources") / "drl"
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


@pytest.fixture(scope="session")
def wheel(sources, tmp_path_factory) -> Path:
    """The wheel."""
    # A file that was removed from the project since an earlier build must not be in it.
    old = sources / "build" / "lib" / "drl" / "old.py"
    old.parent.mkdir(parents=True)
    old.touch()
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    (found,) = folder.glob("*.whl")
    return found


def installed(wheel: Path, folder: Path) -> Installed:
    """Return a new environment with the wheel alone."""
    venv.create(folder, with_pip=False)
    pip("--python", folder / "bin" / "python", "install", "--quiet", "--no-deps", wheel)
    return Installed(folder)


@pytest.fixture(scope="session")
def light(wheel, tmp_path_factory) -> Installed:
    """The wheel, with links to what plain `drl` requires and what that requires, and nothing else."""
    made = installed(wheel, tmp_path_factory.mktemp("light") / "venv")
    (own,) = importlib.metadata.distributions(name="drl", path=[str(made.site)])
    for distribution in required(own.requires or []).values():
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (made.site / top).exists():
                (made.site / top).symlink_to(Path(str(distribution.locate_file(top))).resolve())
    return made


@pytest.fixture(scope="session")
def full(wheel, tmp_path_factory) -> Installed:
    """The wheel, with all packages of the environment that runs the tests."""
    made = installed(wheel, tmp_path_factory.mktemp("full") / "venv")
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    # A path in such a file is searched after the environment's own, and the .pth files there are not read: so `drl` is
    # the wheel's, even if the other one has the checkout.
    (made.site / "others.pth").write_text("".join(f"{path}\n" for path in others))
    return made


def required(requirements: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """Return all distributions that some requirements need, without extras, by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [(line, ("",)) for line in requirements]
    while waiting:
        line, extras = waiting.pop()
        requirement = Requirement(line)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": e}) for e in extras):
            continue
        if name not in found:
            found[name] = importlib.metadata.distribution(requirement.name)
            waiting += [(more, ("", *requirement.extras)) for more in found[name].requires or []]
    return found
