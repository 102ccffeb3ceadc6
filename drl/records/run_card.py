"""The run card beside each output: the command, inputs, settings and code that made it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from drl.files import sha256, write_json

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "safetensors",
    "snakemake",
    "torch-fidelity",
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_card(
    command: str,
    outputs: Iterable[Path],
    settings: Mapping[str, Any],
    code_digest: str,
    inputs: Iterable[Path] | Mapping[Path, str] = (),
    **facts: Any,
) -> Path:
    """Write the run card of a job beside its first output, as `<output>.json`.

    Args:
        command: The subcommand.
        outputs: Files that the job made; the card is named after the first.
        settings: The job's resolved settings.
        code_digest: Digest of its code.
        inputs: Files that it read, with their SHA-256 if they are already hashed (drl.records.inputs.check_inputs).
        facts: Other facts: seed, device, wall time, rates.
    """
    files = list(outputs)
    hashed = inputs if isinstance(inputs, Mapping) else {path: sha256(path) for path in inputs}
    target = Path(f"{files[0]}.json")
    # Paths relative to the card, so that a folder of results can be moved or copied as a whole.
    read = {os.path.relpath(path, target.parent): path for path in hashed}
    made = {path.name: path for path in files}
    card = {
        "command": command,
        "settings": settings,
        "code_digest": code_digest,
        "git": _git(),
        "versions": versions(),
        "inputs": {name: hashed[path] for name, path in read.items()},
        "outputs": {name: sha256(path) for name, path in made.items()},
        # A file of another size need not be read to be known as changed.
        "sizes": {name: path.stat().st_size for name, path in {**read, **made}.items() if path.is_file()},
        **facts,
    }
    write_json(target, card)
    return target


@cache
def _git() -> dict[str, Any]:
    """Return the commit of this project; nulls if the project is not the root of a repository.

    An archive of the project may be inside another repository, whose commit says nothing about this code.
    """
    # GIT_DIR and others, which git itself sets for its hooks, would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def ask(*words: str) -> str | None:
        command = ["git", "-C", str(ROOT), *words]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        return run.stdout.removesuffix("\n")

    top = ask("rev-parse", "--show-toplevel")
    if top is None or not Path(top).is_dir() or not Path(top).samefile(ROOT):
        return {"commit": None, "dirty": None}
    status = ask("status", "--porcelain", "--", "drl")
    return {"commit": ask("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}
