"""Write `pip freeze`'s lines from standard input to requirements.lock, and the same pins to the conda environment."""

from __future__ import annotations

import sys
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


def main() -> None:
    """Write both files."""
    pins = []
    for line in sys.stdin:
        name, sign, version = line.strip().partition("==")
        if sign and name not in ("pip", "wheel", "drl"):
            # A local label such as +cpu names a build; the version alone is what every platform has.
            pins.append(f"{name}=={version.partition('+')[0]}")
    pins.sort(key=str.lower)
    (ROOT / "requirements.lock").write_text(LOCK_HEAD + "".join(f"{pin}\n" for pin in pins), encoding="utf-8")
    conda = CONDA_HEAD + "".join(f"      - {pin}\n" for pin in pins)
    (ROOT / "envs" / "drl.yaml").write_text(conda, encoding="utf-8")


if __name__ == "__main__":
    main()
