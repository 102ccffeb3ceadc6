"""Check the arguments of `drl.Model`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from drl.errors import UserError

Times = float | Sequence[float]


def times_of(t: Times, above: bool = False) -> list[float]:
    """Return the values of t as a list.

    Raises:
        UserError: If one is no number in [0, 1], or is 0 where it must be above, or there is none.
    """
    where = "above 0 and at most 1" if above else "in [0, 1]"
    try:
        given = np.atleast_1d(np.asarray(t, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise UserError(f"t is {t!r}; give a number {where}, or several") from error
    values: list[float] = given.tolist() if given.ndim == 1 else []
    if not values or not all(0 <= value <= 1 and (value > 0 or not above) for value in values):
        raise UserError(f"t is {t!r}; give a number {where}, or several")
    return values


def count_of(name: str, given: Any) -> int:
    """Return a whole number above 0.

    Raises:
        UserError: If it is not; the message gives the argument's name.
    """
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise UserError(f"{name} is {given!r}; give a whole number above 0")
    return int(given)


def size_of(given: int | None, default: int) -> int:
    """Return how many images a batch has; UserError if the number cannot be used."""
    return default if given is None else count_of("batch_size", given)
