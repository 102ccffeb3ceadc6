"""The one reader of JSON: no key twice. Python's own keeps the last and drops the others without a word."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drl.data import regular
from drl.errors import UserError, shown
from drl.files import write_json

MOST_SIGNS = 2_000_000  # of brackets, commas and colons: each value takes much more memory than its letters


def load(text: str | bytes) -> Any:
    """Read JSON text.

    Raises:
        ValueError: If it is not JSON, has too many values, or an object in it has a key twice.
        RecursionError: If it is nested too deep.
    """
    signs = sum(map(text.count, ",:[{") if isinstance(text, str) else map(text.count, b",:[{"))
    if signs > MOST_SIGNS:
        raise ValueError(f"it has {signs:,} brackets, commas and colons, and may have {MOST_SIGNS:,}")
    return json.loads(text, object_pairs_hook=_no_key_twice)


def read_note(path: Path, keys: set[str], most: int) -> dict[str, Any] | None:
    """Return what a program of ours keeps in a file to spare work; None if no such file is there.

    Args:
        path: The file.
        keys: The keys that it has.
        most: The most bytes that it may have.
    """
    try:
        found = load(regular.read_regular(path, most))
    except (UserError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.keys() == keys else None


def write_note(path: Path, value: Mapping[str, Any], most: int) -> None:
    """Write such a file, but not over something else of that name: the folder may be one that a user has files in.

    Raises:
        UserError: If something else is there, which stays as it is, or it cannot be written.
        OSError: If its folder cannot be made or written to.
    """
    theirs = os.path.lexists(path) and read_note(path, set(value), most) is None
    if theirs and regular.read_regular(path, most).strip(b"\0"):
        raise UserError(f"{regular.shown(path)}: holds something else than drl writes there; move it elsewhere")
    write_json(path, value)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} is given twice")
    return found
