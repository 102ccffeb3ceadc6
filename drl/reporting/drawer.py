"""The module that draws an item, and what is said where the numbers do not hold what it needs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from drl.config.drawings import ItemJob
from drl.errors import UserError, clean


def drawer(settings: ItemJob, function: str) -> ModuleType:
    """Return the module of drl.reporting that an item names.

    Args:
        settings: The item's.
        function: What the module must have besides `table`: `draw` or `sheet`.

    Raises:
        UserError: If there is no such module, or it draws nothing of this kind.
    """
    name = f"drl.reporting.{settings.drawn_by}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise UserError(
            f"--settings: there is no {name} to draw with; leave it out to read the configuration"
        ) from error
    if not hasattr(module, "table") or not hasattr(module, function):
        raise UserError(f"--settings: {name} draws no such item; leave it out to read the configuration")
    return module


@contextmanager
def needing(item: str, files: str = "the metrics files") -> Iterator[None]:
    """Say in one line that numbers that are each well formed lack, together, what an item shows.

    Raises:
        UserError: If looking for a number finds none.
    """
    try:
        yield
    except (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, StopIteration) as error:
        raise UserError(
            f"{item}: {files} do not hold what it needs ({type(error).__name__}: {clean(error, 100)}); "
            "give all files of this item, made with the present settings"
        ) from error
