"""Write `pip freeze`'s lines from standard input to requirements.lock, and the same pins to the conda environment."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK_HEAD = "# Every package at the version this project was tested with; made by `make lock`.\n"
CONDA_HEAD = """\
# The environment of every rule under `snakemake --sdm conda`: Python from conda-forge, the rest as in
# requirements.lock. Made by `make lock`; a test compares the two.
name: drl
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins(freeze: Iterable[str]) -> list[str]:
    """Return the pins of `pip freeze`'s lines, in order of name."""
    found = []
    for line in freeze:
        name, sign, version = line.strip().partition("==")
        if sign and name not in ("pip", "wheel", "drl"):
            # A local label such as +cpu names a build; the version alone is what every platform has.
            found.append(f"{name}=={version.partition('+')[0]}")
    return sorted(found, key=str.lower)


def lock(packages: Iterable[str]) -> str:
    """Return the text of requirements.lock."""
    return LOCK_HEAD + "".join(f"{package}\n" for package in packages)


def conda_environment(packages: Iterable[str]) -> str:
    """Return the text of envs/drl.yaml."""
    return CONDA_HEAD + "".join(f"      - {package}\n" for package in packages)


def main() -> None:
    """Write both files."""
    packages = pins(sys.stdin)
    (ROOT / "requirements.lock").write_text(lock(packages), encoding="utf-8")
    (ROOT / "envs" / "drl.yaml").write_text(conda_environment(packages), encoding="utf-8")


if __name__ == "__main__":
    main()
