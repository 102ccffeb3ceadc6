"""Writing files so that a reader sees the old one or the whole new one, never a part."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drl.errors import UserError

# What libraries of other languages leave of the system's errors is their text.
FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "files may not become as large here (ulimit -f)",
}


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path of the same name; move it to `path` if the block ends well, remove it if not.

    It lies in a hidden folder beside `path`, so that whatever a library leaves there goes with it. What a process that
    was killed on this machine has left is removed when the file is next written.

    Raises:
        UserError: If the disk is full; then nothing is left behind and an old file stays as it was.
        OSError: If the folder cannot be made or written to.
    """
    path = Path(path)
    folder = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        folder = Path(
            tempfile.mkdtemp(prefix=f".{path.name}.{_here()}-{os.getpid()}-", suffix=".part", dir=path.parent)
        )
        temporary = folder / path.name
        # So that it is there, with the group's rights that umask leaves, whoever writes it.
        temporary.touch()
        mode = temporary.stat().st_mode & 0o777
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(mode)
        os.replace(temporary, path)
    except Exception as error:
        trouble = _full(error)
        if trouble is not None:
            raise UserError(
                f"{path}: cannot be written, {trouble}; make room and run the same command again"
            ) from error
        raise
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _full(error: Exception) -> str | None:
    """Say that the disk is full, if that is what went wrong."""
    for number, trouble in FULL.items():
        if getattr(error, "errno", None) == number or f"(os error {number})" in str(error):
            return trouble
    return None


def _here() -> str:
    return socket.gethostname().replace(os.sep, "_") or "here"


def _sweep(path: Path) -> None:
    """Remove what dead processes of this machine left of the same file."""
    start = f".{path.name}.{_here()}-"
    for folder in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        owner = folder.name.removeprefix(start).partition("-")[0]
        if folder.name.startswith(start) and owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and its folders, sorted, but hidden ones and those in hidden folders.

    Those are of unfinished work: states, and what is just being written. They come and go while a job runs, which
    Path.rglob does not bear.
    """
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(found)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(*parts: Any) -> str:
    """Return 20 hexadecimal digits that stand for plain values: settings, digests, seeds."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:20]
