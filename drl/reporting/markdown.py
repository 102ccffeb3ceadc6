"""Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown_row(cells: Iterable[str]) -> str:
    """Return one line of a table. A bar in a cell must be escaped."""
    return f"| {' | '.join(cells)} |"


def markdown_table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of a table.

    Args:
        head: Names of the columns.
        rows: Cells as text. Bars in them must be escaped.
    """
    return [markdown_row(head), f"|{'---|' * len(head)}", *map(markdown_row, rows)]
