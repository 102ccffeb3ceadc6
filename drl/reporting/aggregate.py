"""Summarise measurements as means and deviations over pretraining seeds."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drl.data.csv_text import MOST_BYTES
from drl.data.regular import read_regular
from drl.errors import UserError, clean
from drl.records.metrics import COLUMNS, Cells, read_csv, read_each

NUMBERS = ["seed", "split", "probe_seed", "labels", "t", "epoch", "step", "value", "n"]


def read_all(paths: Iterable[Path]) -> pd.DataFrame:
    """Read metrics files into one frame.

    Raises:
        UserError: If a file is missing or truncated, two rows are of one measurement, or all files are empty.
    """
    rows = [row for _, rows in read_each(paths) for row in rows]
    if not rows:
        raise UserError("nothing to draw: the metrics files hold no rows")
    return metrics_frame(rows)


def metrics_frame(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Return a frame of rows as `read_metrics` gives them: numbers as numbers, empty cells of numbers as NaN."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for column in NUMBERS:
        frame[column] = pd.to_numeric(frame[column].replace("", None))
    return frame


def read_frame(
    path: Path, columns: Sequence[str], remedy: str, numbers: Sequence[str] | Mapping[str, Cells] = (), **how: Any
) -> pd.DataFrame:
    """Read a CSV of ours that is no metrics file.

    Args:
        path: The file.
        columns: The columns that it must have.
        remedy: What is wrong with another file, and what to do.
        numbers: Those of them whose cells are finite numbers or empty, or what each may hold.
        how: For pandas.read_csv.

    Raises:
        UserError: If it is missing, damaged or something else.
    """
    read_csv(path, columns, remedy, numbers)
    try:
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(read_regular(path, MOST_BYTES)), encoding="utf-8", **how)
    except ValueError as error:
        raise UserError(f"{path}: {remedy} ({error})") from error
    return frame


def check_scale(frame: pd.DataFrame, scale: str, what: str) -> None:
    """Make sure that all measurements that name their scale were made at one: numbers of two are not to be averaged.

    Raises:
        UserError: If one was made at another scale.
    """
    if other := sorted(set(frame["scale"].dropna().astype(str)) - {scale, ""}):
        raise UserError(
            f"{what}: the metrics have scale {clean(other[0])}, not {scale}; give --scale {clean(other[0])}"
        )


def check_finite(numbers: pd.DataFrame, item: str) -> None:
    """Make sure that the numbers of an item that is to be written are finite; those that it has not are empty.

    Raises:
        UserError: If one is infinite, or a mean is missing.
    """
    for name, column in numbers.select_dtypes("number").items():
        for value in column[(column.abs() == float("inf")) | (column.isna() & (name == "mean"))]:
            raise UserError(
                f"{item}: {name} is {value}, not a finite number, so nothing is written; a number that it was computed "
                "from is 0 or far too large: look for it in the metrics files, and make them again"
            )


def of_model(numbers: pd.DataFrame, dataset: str, recipe: str) -> pd.DataFrame:
    """Return the rows of a recipe on a dataset."""
    return numbers[(numbers["dataset"] == dataset) & (numbers["recipe"] == recipe)]


def over_seeds(frame: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    """Average probe seeds within each pretraining seed, then take mean and deviation over pretraining seeds.

    Args:
        frame: Rows as returned by `read_all`.
        axes: Columns to group by, such as dataset, recipe, t.

    Returns:
        `axes`, mean, sd (ddof 1; 0 for a single seed) and n_seeds, in order of first appearance.
    """
    within = frame.groupby([*axes, "seed"], sort=False, dropna=False)["value"].mean().reset_index()
    groups = within.groupby(axes, sort=False, dropna=False)["value"]
    table = groups.agg(mean="mean", sd="std", n_seeds="count").reset_index()
    return table.fillna({"sd": 0.0})
