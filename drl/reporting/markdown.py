"""Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from drl.markup import markdown


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


def plain_cell(text: str) -> str:
    """Return any text as a cell; `**…**` is bold, nothing else is markup."""
    bold = bold_part(text)
    return markdown(text) if bold is None else f"**{markdown(bold)}**"


def cells_of(row: str) -> list[str]:
    """Return the texts from which `plain_cell` and `markdown_row` made a line of a table."""
    cells = re.findall(r"((?:[^|\\]|\\.)*)\|", row.removeprefix("|"))
    return [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in cells]


def bold_part(text: str) -> str | None:
    """Return what stands between the stars of `**…**`; None where a text is not bold."""
    inner = text[2:-2]
    return inner if text == f"**{inner}**" and inner.strip("* ") else None
