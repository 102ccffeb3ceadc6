"""Checks of lists in the configuration."""

from __future__ import annotations

from typing import Any


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list in which something stands twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{value!r} stands twice")
    return values
