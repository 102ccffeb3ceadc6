"""The one reader of JSON: no key twice. Python's own keeps the last and drops the others without a word."""

from __future__ import annotations

import json
from typing import Any

from drl.errors import shown

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


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} is given twice")
    return found
