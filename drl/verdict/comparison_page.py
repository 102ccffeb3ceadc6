"""The comparison as text: how many numbers agree, and how far off they are."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from drl.reporting.fine_tuning_paper import DATASETS
from drl.verdict.ledger_page import counts
from drl.verdict.rst import list_table

AGREES, DIFFERS, NOT_RUN, NOT_COMPARABLE = "agrees", "differs", "not run", "not comparable at this scale"
VERDICTS = (AGREES, DIFFERS, NOT_COMPARABLE, NOT_RUN)
CLOSED_FORM = "sigma_t_init"  # agrees at every scale, without any run
SHORT = {"fid_20k": "FID", CLOSED_FORM: "σ"}
PLURAL = {AGREES: "agree", DIFFERS: "differ"}
UNITS = {
    "accuracy_pct": "accuracy, points",
    "improvement_pct_points": "improvement, points",
    "fid_20k": "FID",
    CLOSED_FORM: "σ(t_init), a closed form",
}


def counted(frame: pd.DataFrame) -> str:
    """Count verdicts: `179 numbers: 2 agree, 177 not run; and 6 closed forms: 6 agree`.

    Args:
        frame: Rows returned by drl.verdict.comparison.comparison.
    """
    closed = frame["metric"] == CLOSED_FORM
    verdicts, order = frame["verdict"].replace(PLURAL), [PLURAL.get(verdict, verdict) for verdict in VERDICTS]
    measured, forms = list(verdicts[~closed]), list(verdicts[closed])
    text = f"{len(measured)} numbers: {counts(measured, order)}"
    return f"{text}; and {len(forms)} closed forms: {counts(forms, order)}" if forms else text


def overview(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a reStructuredText table with the verdicts and the mean distance for each table and kind of number.

    Args:
        frame: As in `counted`.
    """
    rows = []
    for (number, metric), found in frame.groupby(["table", "metric"], sort=False):
        verdicts = list(found["verdict"])
        name = f"Table {number}: {UNITS[str(metric)]}"
        rows.append([name, *(str(verdicts.count(verdict)) for verdict in VERDICTS), _distance(found["difference"])])
    head = ["numbers", "agree", "differ", "not comparable", "not run", "mean distance"]
    yield from list_table(head, rows, [34, 12, 12, 16, 12, 14])


def beside(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a reStructuredText table of printed numbers and ours, and whether they agree if they can be compared.

    Args:
        frame: As in `counted`.
    """
    rows = [[_name(row), f"{row['published']:g}", _ours(row)] for row in frame.to_dict("records")]
    yield from list_table(["number", "paper", "ours"], rows, [56, 16, 28])


def _name(row: Mapping[Hashable, Any]) -> str:
    labels = "" if pd.isna(row["labels"]) else f", {row['labels']} labels"
    about = [] if row["method"] == "none" and row["metric"] == CLOSED_FORM else [row["method"]]
    about += [*row["variant"].split(";"), *([SHORT[row["metric"]]] if row["metric"] in SHORT else [])]
    return f"{row['dataset']}{labels}: {', '.join(about)}"


def _ours(row: Mapping[Hashable, Any]) -> str:
    if pd.isna(row["ours"]):
        return ""
    spread = f" ± {row['sd']:.2f}" if row["n"] > 1 else ""
    other = f" ({row['our_dataset']})" if row["our_dataset"] not in DATASETS and row["metric"] != CLOSED_FORM else ""
    verdict = f", {row['verdict']}" if row["verdict"] in (AGREES, DIFFERS) else ""
    return f"{row['ours']:.2f}{spread}{other}{verdict}"


def _distance(differences: pd.Series[float]) -> str:
    mean = differences.abs().mean()
    return "" if pd.isna(mean) else f"{mean:.2f}"
