"""Tables in reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drl.markup import line, rst_code

# What at the start of a text begins a comment, a directive, a list, a list of options, a rule or code.
BLOCK = re.compile(r"(?=\.\.|>>>|[-+•‣⁃](?:\s|$)|--?\w|/\w|\(?\w+[.)](?:\s|$)|([!-)+-/:-@\[\]^_{-~])\1*$)")


class Markup(str):
    """Text that is reStructuredText already."""


def list_table(
    head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], look: str = ""
) -> Iterator[str]:
    """Yield a table in reStructuredText.

    Args:
        head: Names of the columns; none: no head.
        rows: Cells, which may contain any text, or Markup.
        widths: Of the columns, in percent.
        look: `numbers` for a table that keeps its head and columns on a narrow screen (workflow/report/style.css).
    """
    yield ".. list-table::"
    if look:
        yield f"   :class: {look}"
    yield f"   :widths: {' '.join(map(str, widths))}"
    if head:
        yield "   :header-rows: 1"
    yield ""
    for row in ([head] if head else []) + list(rows):
        for k, cell in enumerate(row):
            text = cell if isinstance(cell, Markup) else escape(cell)
            yield f"   {'*' if k == 0 else ' '} - {text}".rstrip()
    yield ""


def escape(text: str) -> str:
    """Escape characters that docutils would read as markup; **bold** and *italic* stay, `…` becomes code."""
    parts = re.split(r"`([^`]+)`", line(text))
    # Every second part was between backticks.
    text = "".join(rst_code(part) if k % 2 else _plain(part) for k, part in enumerate(parts))
    text = re.sub(r"\{(?=[{%#])", "{ ", text)
    return f"\\{text}" if BLOCK.match(text) else text


def _plain(text: str) -> str:
    # docutils makes a link of `javascript:x` and of `a@b`, and a role of `:x:` before code.
    text = re.sub(r"([\\|_`@]|:(?=\S|$))", r"\\\1", text)
    return re.sub(r"(\*\*?)(?! )[^*]+(?<! )\1|\*", lambda found: found[0] if found[1] else r"\*", text)
