"""Helpers for checks of the configuration; each raises a UserError of one line that names the key."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from drl.config.lists import known
from drl.errors import UserError


def require(holds: bool, key: str, otherwise: str) -> None:
    """Refuse the value at a key of the configuration, unless a condition holds.

    Args:
        holds: Whether the condition holds.
        key: The key, with dots.
        otherwise: What is wrong, and the remedy.
    """
    if not holds:
        raise UserError(f"config: {key}: {otherwise}")


def all_known(key: str, names: Iterable[str], what: str, valid: Collection[str]) -> None:
    """Check that the names at a key are among the valid ones."""
    for name in names:
        known(key, name, what, valid)


def named_plainly(section: str, names: Iterable[str], what: str) -> None:
    """Check names that become parts of paths."""
    for name in names:
        plain = re.fullmatch(r"[a-z0-9_]+", name)
        require(plain is not None, f"{section}.{name}", f"use lower case letters, digits and _ in {what}'s name")
