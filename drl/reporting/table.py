"""`drl table`: an item's numbers as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pandas as pd

from drl.config.drawings import ItemJob
from drl.jobs.job import Job
from drl.markup import line, markdown
from drl.reporting.item import Writers, write_item
from drl.reporting.markdown import bold_part, markdown_row, plain_cell


@dataclass(frozen=True)
class Sheet:
    """A table as people read it.

    Attributes:
        caption: One or two sentences above it.
        header: Names of the columns.
        rows: Cells as text; `**…**` is bold, nothing else is markup.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return a Markdown table under its caption."""
        head, *rows = (markdown_row(map(plain_cell, row)) for row in (self.header, *self.rows))
        return "\n".join([markdown(self.caption), "", head, markdown_row(["---"] * len(self.header)), *rows, ""])

    def latex(self) -> str:
        """Return a LaTeX table with booktabs rules."""
        frame = pd.DataFrame([list(map(_latex, row)) for row in self.rows], columns=list(map(_latex, self.header)))
        columns = "l" + "r" * (len(self.header) - 1)
        return frame.to_latex(index=False, escape=False, caption=_latex(self.caption), column_format=columns)


def demo_remark(settings: ItemJob) -> str:
    """Return what a table's caption adds at demo scale: that the numbers prove nothing."""
    return " Demo scale: a machinery check, not evidence." if settings.scale == "demo" else ""


def run(job: Job[ItemJob]) -> None:
    """Write the item's CSV (one number per row), and Markdown, LaTeX and run card beside it, as `write_item` does."""
    write_item(job, "sheet", _written)


def _written(job: Job[ItemJob], module: ModuleType, numbers: pd.DataFrame, read: dict[Path, str]) -> Writers:
    sheet: Sheet = module.sheet(numbers, job.settings)
    return {
        ".md": lambda path: path.write_text(sheet.markdown(), encoding="utf-8"),
        ".tex": lambda path: path.write_text(sheet.latex(), encoding="utf-8"),
    }


_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "#": r"\#",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # At the start of a row they would be options of the line break before it.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "σ": r"$\sigma$",
    "−": "$-$",
}


def _latex(cell: str) -> str:
    bold = bold_part(cell)
    text = "".join(_ESCAPES.get(letter, letter) for letter in line(cell if bold is None else bold))
    return text if bold is None else rf"\textbf{{{text}}}"
