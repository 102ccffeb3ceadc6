"""Write files so that a reader sees the whole old file or the whole new one, never a part."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import math
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from drl.data.regular import check_not_special, of_system
from drl.errors import UserError

# Libraries written in other languages pass on only the text of a system error, not its number.
FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "files may not become as large here (ulimit -f)",
}

CHUNK, SAY_SECONDS = 2**20, 10.0


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the same file name. Move it to `path` if the block succeeds, else remove it.

    The temporary file is in a hidden folder next to `path`, so that files which a library leaves there are removed too.
    If a process on this machine was killed, `sweep` removes its leftovers.

    Raises:
        UserError: If something else than a file has this name, or the disk is full. Then nothing is left behind, and an
            old file stays as it was.
        OSError: If the folder cannot be created or written to.
    """
    path = Path(path)
    folder = None
    if os.path.lexists(path) and not path.is_symlink() and not path.is_file():
        # Renaming over a device would replace it: `--out /dev/null` as root.
        raise UserError(f"{path}: is a folder or a device, not a file; choose another place, or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        folder = Path(
            tempfile.mkdtemp(prefix=f".{path.name}.{_here()}-{os.getpid()}-", suffix=".part", dir=path.parent)
        )
        temporary = folder / path.name
        # Create the file now, so that its permissions follow umask, whichever library writes it.
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
            remove_folder(folder)


def _full(error: Exception) -> str | None:
    """Return a text saying that the disk or quota is full, or None if the error has another cause."""
    for number, trouble in FULL.items():
        if getattr(error, "errno", None) == number or f"(os error {number})" in str(error):
            return trouble
    return None


def _here() -> str:
    return socket.gethostname().replace(os.sep, "_") or "here"


def sweep(folder: Path, name: str = "*") -> None:
    """Remove the temporary folders that dead processes on this machine left in a folder.

    Args:
        folder: Where to look; it need not exist.
        name: The file that was to be written; `*`: any.
    """
    here = f".{_here()}-"
    for left in folder.glob(f".{name if name == '*' else glob.escape(name)}.*.part"):
        # The owner's number stands between the machine's name and the letters of tempfile.mkdtemp.
        owner = left.name.rpartition(here)[2].partition("-")[0]
        if here in left.name and owner.isdecimal() and not _lives(int(owner)):
            remove_folder(left)


def remove_folder(folder: Path) -> None:
    """Remove a folder of ours with all that is in it; leave anything else of that name alone, also a link to a folder.

    A FIFO may lie there, and `shutil.rmtree` would wait for somebody to open it.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(folder.lstat().st_mode):
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


class Below(NamedTuple):
    """What a folder and its subfolders hold.

    Attributes:
        files: Files, sorted.
        closed: Folders that were not looked into, and why.
    """

    files: list[Path]
    closed: list[tuple[Path, str]]


def below(folder: Path) -> Below:
    """List the files in a folder and its subfolders, without hidden files and hidden folders.

    Hidden files belong to unfinished work: states, and files being written. They appear and disappear while a job runs,
    which breaks Path.rglob. Links to folders are followed, but no folder is listed twice, so that no circle of links
    has no end. Not followed are links to a folder above, or to the system's own files.
    """
    found, seen, waiting, home = Below([], []), set[tuple[int, int]](), [folder], Path(os.path.realpath(folder))
    while waiting:
        links, inside = [], [waiting.pop(0)]
        while inside:
            folders, linked = _list(inside.pop(), found, seen)
            inside += folders
            links += linked
        # Folders first, then links to them: a file has the name without links, if it has one.
        for link in sorted(links):
            target = Path(os.path.realpath(link))
            if of_system(target) or (target != home and home.is_relative_to(target)):
                found.closed.append((link, f"is a link to {target}, so it is not looked into; remove it"))
            else:
                waiting.append(link)
    found.files.sort()
    return found


def _list(folder: Path, found: Below, seen: set[tuple[int, int]]) -> tuple[list[Path], list[Path]]:
    """Add the files of one folder to what was found; return its subfolders, and its links to folders."""
    folders, links = list[Path](), list[Path]()
    try:
        about = folder.stat()
        if (about.st_dev, about.st_ino) in seen:
            return folders, links
        seen.add((about.st_dev, about.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    kind = found.files if not entry.is_dir() else links if entry.is_symlink() else folders
                    kind.append(folder / entry.name)
    except FileNotFoundError:
        pass  # it was removed meanwhile
    except OSError as error:
        found.closed.append((folder, f"cannot be looked into ({error.strerror}); repair or remove it"))
    return folders, links


def files_below(folder: Path) -> list[Path]:
    """Return the files of `below`."""
    return below(folder).files


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal. If that takes long, say how far it is.

    Raises:
        OSError: If it is missing or cannot be read.
        UserError: If it is not a file: reading a FIFO would never end.
    """
    check_not_special(Path(path))
    digest, done, told = hashlib.sha256(), 0, time.monotonic()
    with Path(path).open("rb") as stream:
        while part := stream.read(CHUNK):
            digest.update(part)
            done += len(part)
            if time.monotonic() - told >= SAY_SECONDS:
                whole, told = os.fstat(stream.fileno()).st_size, time.monotonic()
                print(f"drl: {path}: read {done / 1e9:,.1f} of {whole / 1e9:,.1f} GB", file=sys.stderr, flush=True)
    return digest.hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal settings give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def fingerprint(*parts: Any) -> str:
    """Return 20 hexadecimal digits that identify plain values: settings, digests, seeds."""
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:20]


def json_for_programs(value: Any) -> str:
    """Return plain values as JSON, with null for numbers that JSON does not have: NaN and infinity."""
    return json.dumps(_finite(value), indent=2)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
