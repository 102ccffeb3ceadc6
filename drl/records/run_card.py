"""The run card beside each output: the command, inputs, settings and code that made it."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.metadata
import os
import platform
import resource
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from drl.config.project import CODE
from drl.files import sha256, write_json
from drl.records.code_digest import stamp

OWN, OURS = "drl", "drl/records/run_card.py"  # the package, and a file that no other project has
_ENDINGS = tuple(importlib.machinery.all_suffixes())
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
# The files of the package when this process loaded it, or the server did of which this process is a fork.
_loaded = stamp()


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
    target, used = Path(f"{files[0]}.json"), resource.getrusage(resource.RUSAGE_SELF)
    # Paths relative to the card, so that a folder of results can be moved or copied as a whole.
    read = {os.path.relpath(path, target.parent): Path(path) for path in hashed}
    made = {path.name: path for path in files}
    card = {
        "command": command,
        "settings": settings,
        "code_digest": code_digest,
        "git": commit_of_code(),
        "versions": versions(),
        # Snakemake's benchmark file measures the process that the rule starts, which may have a server run the job.
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_bytes": used.ru_maxrss * 1024,
        "inputs": dict(zip(read, hashed.values(), strict=True)),
        "outputs": {name: sha256(path) for name, path in made.items()},
        # A file of another size need not be read to be known as changed.
        "sizes": {name: path.stat().st_size for name, path in {**read, **made}.items() if path.is_file()},
        **facts,
    }
    write_json(target, card)
    return target


@cache
def commit_of_code() -> dict[str, Any]:
    """Return the commit of the code that this process runs, and whether that differs; nulls if it is not known.

    Files may be edited and committed while a job runs, and git knows nothing of what is loaded. So a job asks when it
    begins, and the answer counts only if the files are still those that were loaded.
    """
    found = _git()
    return found if stamp() == _loaded else {"commit": None, "dirty": None}


def _git() -> dict[str, Any]:
    """Return the commit of this project, and whether its code differs; nulls if the commit does not have this code.

    An archive of the project may be inside another repository, or copied into one that ignores it; its commit says
    nothing about this code. So at least half of our files must be in the commit, and at least half of its files be
    ours. They are compared with it byte for byte, since `git status` leaves out what a user's settings, ignore lists or
    flags of the index hide.
    """
    unknown: dict[str, Any] = {"commit": None, "dirty": None}
    top = _ask("rev-parse", "--show-toplevel")
    if top is None or not Path(top).is_dir() or not Path(top).samefile(CODE):
        return unknown
    commit = _ask("rev-parse", "--verify", "HEAD^{commit}")
    listed = None if commit is None else _ask("ls-tree", "-r", "-z", "--full-tree", commit, f"{OWN}/")
    entries = [entry.partition("\t") for entry in (listed or "").split("\0") if entry]
    named = {name: about.split()[-1] for about, _, name in entries if name.endswith(_ENDINGS)}
    if OURS not in named:
        return unknown
    ours = _code()
    try:
        same = sum(_holds(CODE / name, named[name]) for name in named.keys() & ours)
    except OSError:
        return unknown
    # Another project may have a file of that name, or a copy of ours.
    most = max(len(named), len(ours))
    return {"commit": commit, "dirty": same != most} if 2 * same >= most else unknown


def _ask(*words: str) -> str | None:
    """Return what git says about the project; None if it fails."""
    # GIT_DIR and others, which git itself sets for its hooks, would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-replace-objects", "-C", str(CODE), *words]
    try:
        run = subprocess.run(command, capture_output=True, timeout=10, check=True, env=environment)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return os.fsdecode(run.stdout).removesuffix("\n")


def _code() -> set[str]:
    """Return the project's files that Python can import, and links in place of folders, relative to the project."""
    files = (path for path in (CODE / OWN).rglob("*") if path.parent.name != "__pycache__")
    code = (path for path in files if path.is_symlink() or (path.name.endswith(_ENDINGS) and path.is_file()))
    return {path.relative_to(CODE).as_posix() for path in code}


def _holds(path: Path, blob: str) -> bool:
    """Whether a file holds what git calls by this name; git may have changed the ends of its lines."""
    kind = "sha1" if len(blob) == 40 else "sha256"
    data = path.read_bytes()
    texts = (data, data.replace(b"\r\n", b"\n"))
    return any(
        hashlib.new(kind, b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest() == blob for text in texts
    )
