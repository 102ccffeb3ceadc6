"""The comparison as people read it: how many numbers agree, and how far off they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from drl.reporting.fine_tuning_paper import DATASETS
from drl.verdict.ledger_page import counts
from drl.verdict.rst import list_table

AGREES, DIFFERS, NOT_RUN, NOT_COMPARABLE = "agrees", "differs", "not run", "not comparable at this scale"
VERDICTS = (AGREES, DIFFERS, NOT_COMPARABLE, NOT_RUN)
CLOSED_FORM = "sigma_t_init"  # agrees at every scale, without a run
UNITS = {
    "accuracy_pct": "accuracy, points",
    "improvement_pct_points": "improvement, points",
    "fid_20k": "FID",
    CLOSED_FORM: "σ(t_init), a closed form",
}


def counted(frame: pd.DataFrame) -> str:
    """Count verdicts: `179 numbers: 2 agrees, 177 not run; and 6 closed forms: 6 agrees`.

    Args:
        frame: Rows of what drl.verdict.comparison.comparison gave.
    """
    closed = frame["metric"] == CLOSED_FORM
    measured, forms = (list(frame.loc[rows, "verdict"]) for rows in (~closed, closed))
    text = f"{len(measured)} numbers: {counts(measured, VERDICTS)}"
    return f"{text}; and {len(forms)} closed forms: {counts(forms, VERDICTS)}" if forms else text


def overview(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a table in reStructuredText: for each table and kind of number the verdicts, and the mean distance.

    Args:
        frame: As `counted`.
    """
    rows = []
    for (number, metric), found in frame.groupby(["table", "metric"], sort=False):
        verdicts = list(found["verdict"])
        name = f"Table {number}: {UNITS[str(metric)]}"
        rows.append([name, *(str(verdicts.count(verdict)) for verdict in VERDICTS), _distance(found["difference"])])
    head = ["numbers", "agree", "differ", "not comparable", "not run", "mean distance"]
    yield from list_table(head, rows, [34, 12, 12, 16, 12, 14])


def beside(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a table in reStructuredText: each printed number, ours and the verdict.

    Args:
        frame: As `counted`.
    """
    rows = []
    for row in frame.to_dict("records"):
        setting = [str(row[key]) for key in ("dataset", "labels") if not pd.isna(row[key])]
        about = f"{row['method']}, {row['variant'].replace(';', ', ')}"
        kind = UNITS[row["metric"]] if row["metric"] != "accuracy_pct" else ""
        rows.append([", ".join(setting), about, kind, f"{row['published']:g}", _ours(row), row["verdict"]])
    yield from list_table(["setting", "method", "", "paper", "ours", ""], rows, [18, 32, 16, 8, 14, 12])


def _ours(row: Any) -> str:
    if pd.isna(row["ours"]):
        return ""
    spread = f" ± {row['sd']:.2f}" if row["n"] > 1 else ""
    other = f" ({row['our_dataset']})" if row["our_dataset"] not in DATASETS else ""
    return f"{row['ours']:.2f}{spread}{other}"


def _distance(differences: pd.Series[float]) -> str:
    mean = differences.abs().mean()
    return "" if pd.isna(mean) else f"{mean:.2f}"
