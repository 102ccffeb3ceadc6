"""Checks of names in the configuration."""

from __future__ import annotations

from collections.abc import Collection

from drl.errors import UserError, nearest


def known(where: str, name: str, what: str, valid: Collection[str]) -> None:
    """Raise a UserError if a name is not valid; it gives the key (`where`), the kind of name and the nearest name."""
    if name not in valid:
        raise UserError(f"config: {where}: unknown {what} {name!r}; {nearest(name, valid)}")
