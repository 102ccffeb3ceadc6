"""`drl table`: an item's numbers as CSV, Markdown and LaTeX."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from drl.config.drawings import ItemJob
from drl.files import atomic
from drl.jobs.job import Job
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card
from drl.reporting.aggregate import read_all
from drl.reporting.drawer import drawer, needing
from drl.reporting.markdown import markdown_row


@dataclass(frozen=True)
class Sheet:
    """A table as people read it.

    Attributes:
        caption: One or two sentences above it.
        header: Names of the columns.
        rows: Cells as text; `**…**` is bold.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return a Markdown table under its caption."""
        rows = (self.header, ["---"] * len(self.header), *self.rows)
        lines = [markdown_row(cell.replace("|", r"\|") for cell in row) for row in rows]
        return "\n".join([self.caption, "", *lines, ""])

    def latex(self) -> str:
        """Return a LaTeX table with booktabs rules."""
        frame = pd.DataFrame([list(map(_latex, row)) for row in self.rows], columns=list(map(_latex, self.header)))
        columns = "l" + "r" * (len(self.header) - 1)
        return frame.to_latex(index=False, escape=False, caption=_latex(self.caption), column_format=columns)


def demo_remark(settings: ItemJob) -> str:
    """Return what a table's caption adds at demo scale: that the numbers prove nothing."""
    return " Demo scale: a machinery check, not evidence." if settings.scale == "demo" else ""


def run(job: Job[ItemJob]) -> None:
    """Write the item's CSV (one number per row), and Markdown, LaTeX and run card beside it.

    Args:
        job: Its inputs `metrics` are the CSV files of the item's studies; its settings name the module that makes the
            table, which takes them too.

    Raises:
        UserError: If a metrics file is missing, cut off, changed, or has no rows of this item.
    """
    started, settings = time.monotonic(), job.settings
    item, metrics = str(job.about.get("item", job.study)), job.inputs["metrics"]
    module = drawer(settings, "sheet")
    inputs = check_inputs(metrics)
    frame = read_all(metrics)
    with needing(item):
        numbers = module.table(frame, settings)
        sheet: Sheet = module.sheet(numbers, settings)
    files = [job.out, job.out.with_suffix(".md"), job.out.with_suffix(".tex")]
    with job_lock(item, job.out):
        with atomic(files[0]) as csv, atomic(files[1]) as markdown, atomic(files[2]) as latex:
            numbers.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
            markdown.write_text(sheet.markdown(), encoding="utf-8")
            latex.write_text(sheet.latex(), encoding="utf-8")
        seconds = round(time.monotonic() - started, 2)
        about = {**job.about, "item": item}
        write_card(job.study, files, settings.slice(), job.code_digest, inputs=inputs, **about, seconds=seconds)


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
    "±": r"$\pm$",
    "σ": r"$\sigma$",
    "−": "$-$",
}


def _latex(cell: str) -> str:
    bold = cell.startswith("**") and cell.endswith("**") and len(cell) > 4
    text = "".join(_ESCAPES.get(letter, letter) for letter in (cell[2:-2] if bold else cell))
    return rf"\textbf{{{text}}}" if bold else text
