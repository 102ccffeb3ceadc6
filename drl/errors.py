"""Errors that a user can fix: one line that says what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
import reprlib
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

# Cc: control characters; Cs: halves of characters; Zl and Zp: separators of lines and paragraphs.
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")


# What a file holds may be nested without end, or refer to one part in many places.
_containers = reprlib.Repr()
_containers.maxlevel = 2


class UserError(Exception):
    """Bad input, a broken file or a setting that cannot work. `drl` prints it as one line and exits with 2."""


class Unfinished(Exception):
    """A job stopped at its wall-clock budget or on request. Its state is saved, and the same command continues it."""


def is_line(text: str) -> bool:
    """Return whether all characters of a text can stand in one line of any file, XML included."""
    return not any(unicodedata.category(sign) in _NO_TEXT or ord(sign) & 0xFFFE == 0xFFFE for sign in text)


def nearest(word: object, valid: Iterable[str]) -> str:
    """Suggest the valid name that a mistyped one probably means, for the end of an error line.

    Args:
        word: What was given.
        valid: The names that would have been accepted.

    Returns:
        `did you mean 'x'?` if a name is similar, else `valid: a, b, c`.
    """
    names = sorted(map(str, valid))
    close = difflib.get_close_matches(clean(word), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"valid: {', '.join(names)}" if names else "there are none"


def shown(value: object, most: int = 60) -> str:
    """Return something that a file holds in quotes, as one short line without control characters."""
    return f"'{clean(value, most)}'"


def clean(value: object, most: int = 60) -> str:
    """Return it as `shown` does, without the quotes."""
    text = _containers.repr(value) if isinstance(value, (dict, list, tuple, set, frozenset)) else str(value)
    text = text if len(text) <= most else f"{text[:most]}…"
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def complaint(error: ValidationError) -> str:
    """Return pydantic's first complaint, short and without control characters."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return clean(f"{where}: {first['msg']}" if where else first["msg"], 160)
