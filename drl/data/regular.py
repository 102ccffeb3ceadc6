"""Opening files with names from users: only regular files, no larger than expected. Pure Python."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from drl.errors import UserError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@contextmanager
def open_regular(path: Path, most: int | None = None) -> Iterator[BufferedReader]:
    """Open a regular file for reading. Other files are refused: a FIFO would wait forever, a device may do anything.

    Args:
        path: The file, or a link to one.
        most: The most bytes that it may have; None: any number.

    Raises:
        UserError: If it is missing, cannot be read, is not a regular file or one of the system, or has more bytes.
    """
    check_regular(path)
    _check_not_of_system(path)
    try:
        # The file may have become a FIFO meanwhile. Without O_NONBLOCK, opening a FIFO waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"{shown(path)} cannot be read ({error.strerror}): repair or remove it") from error
    with open(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        _check_kind(path, found.st_mode)
        if most is not None and found.st_size > most:
            raise UserError(
                f"{shown(path)} has {found.st_size:,} bytes, but needs {most:,} at most: replace or remove it"
            )
        yield stream


def read_regular(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of `most` bytes at most.

    Raises:
        UserError: As `open_regular`.
    """
    with open_regular(path, most) as stream:
        try:
            return stream.read(most)
        except OSError as error:
            raise UserError(f"{shown(path)} cannot be read ({error.strerror}): repair or remove it") from error


def check_regular(path: Path) -> os.stat_result:
    """Return the system's facts about a regular file, or about the file that a link leads to.

    Raises:
        UserError: If it does not exist, or is not a regular file.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        what = "is a link that leads nowhere" if path.is_symlink() else "cannot be read"
        raise UserError(f"{shown(path)} {what} ({said}): repair or remove it") from error
    _check_kind(path, found.st_mode)
    return found


def check_not_special(path: Path) -> None:
    """Refuse a FIFO, a socket, a device, a folder or a file of the system; a missing file is left to who opens it.

    Raises:
        UserError: If it is one of these.
    """
    if path.exists():
        check_regular(path)
        _check_not_of_system(path)


def _check_not_of_system(path: Path) -> None:
    if of_system(path):
        raise UserError(f"{shown(path)} is a file of the system, and some of these never end: choose another one")


def of_system(path: Path) -> bool:
    """Whether a file or folder is the system's own, once links are resolved; some of these files never end."""
    parts = Path(os.path.realpath(path)).parts
    return parts[1:2] in (("dev",), ("proc",), ("sys",)) and parts[1:3] != ("dev", "shm")


def _check_kind(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = next((kind for known, kind in _KINDS if known(mode)), "something else")
        remedy = "give a file in it, or move it elsewhere" if stat.S_ISDIR(mode) else "remove it, or move it elsewhere"
        raise UserError(f"{shown(path)} is {kind} and not a file: {remedy}")


def check_name(path: Path) -> None:
    """Check that the last part of a path can be shown in tables and messages.

    Raises:
        UserError: If it is not UTF-8, as names from old zip files are, or has a line break or other control character.
    """
    name = path.name
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"the name of {shown(path)} is not UTF-8 (old zip files bring such names): rename it, such as with convmv"
        ) from error
    # Cc: control characters; Zl and Zp: separators of lines and paragraphs.
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
        raise UserError(f"the name of {shown(path)} has a line break or another control character: rename it")


def shown(path: Path | str) -> str:
    """Return a path as one line that every terminal and file can show; all other characters are escaped."""
    try:
        text = os.fsencode(path).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        # Half of a surrogate pair, as JSON and YAML can write it: no file has such a name.
        text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(
        repr(sign)[1:-1] if unicodedata.category(sign) in ("Cc", "Zl", "Zp", "Cs") else sign for sign in text
    )
