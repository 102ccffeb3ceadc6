"""Checks of lists and names in the configuration."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from drl.errors import UserError, nearest


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list in which something stands twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{value!r} stands twice")
    return values


def known(where: str, name: str, what: str, valid: Collection[str]) -> None:
    """Check that a name is one of the valid ones.

    Args:
        where: Key of the configuration that holds it.
        name: The name.
        what: What it names.
        valid: All that there are.

    Raises:
        UserError: If not; the message gives the nearest valid name.
    """
    if name not in valid:
        raise UserError(f"config: {where}: unknown {what} {name!r}; {nearest(name, valid)}")
