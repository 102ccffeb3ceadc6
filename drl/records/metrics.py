"""The format of all measurements: a long CSV with one number per row. And reading any CSV of this project."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.data.csv_text import MOST_BYTES, read_rows
from drl.errors import UserError, shown
from drl.files import atomic

COLUMNS = (
    "scale",
    "study",
    "dataset",
    "recipe",
    "arm",
    "seed",
    "split",
    "probe_seed",
    "labels",
    "t",
    "epoch",
    "step",
    "metric",
    "value",
    "n",
)
WHOLE_NUMBERS = ("seed", "split", "probe_seed", "labels", "epoch", "step", "n")
AGAIN = "remove it and run the job that makes it"
MOST_ROWS = 2**18  # of a metrics file
LARGEST = 1e15  # of any number: means and deviations of such numbers are finite

NO = "not a number"
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class Cells:
    """What a column of numbers may hold.

    Attributes:
        least: The smallest number.
        whole: Whether its numbers are whole.
        empty: Whether cells may be empty.
    """

    least: float = -LARGEST
    whole: bool = False
    empty: bool = False

    def wrong(self, cell: str) -> str | None:
        """Say what is wrong with a cell; None if nothing is."""
        if not cell:
            return None if self.empty else "where a number must be"
        return _wrong(cell, self.least) or ("not a whole number" if self.whole and float(cell) % 1 else None)


# Columns of the items' CSV files.
MEAN, DEVIATION, COUNT = Cells(), Cells(least=0), Cells(least=1, whole=True)


def write_metrics(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows atomically; cells that a row does not name stay empty.

    Args:
        path: The CSV file.
        rows: Keys among COLUMNS; accuracies in percent.

    Raises:
        UserError: If a number is not finite or out of bounds, because a training diverged. Nothing is written then.
    """
    made = list(rows)
    for row in made:
        for name in ("value", "t"):
            empty = name == "t" and row.get(name) in (None, "")
            if name in row and not empty and (wrong := _wrong(row[name], *_bounds(name, row.get("metric")))):
                where = f" at t = {row['t']}" if name == "value" and "t" in row else ""
                raise UserError(
                    f"{path}: {row.get('metric', 'a number')}{where} is {row[name]}, {wrong}, so nothing is written; "
                    "what it was computed from has diverged: lower the learning rate, or set run.precision to fp32"
                )
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Read a metrics CSV as text cells. Cells of numbers are finite numbers or, except in `value`, empty.

    Raises:
        UserError: If the file is missing, truncated, has other columns, or has something other than a number in a cell,
            or a number that its metric cannot have.
    """
    rows, known = [], dict[str, str]()
    for line, row in _checked(path, COLUMNS, f"is not a whole metrics file; {AGAIN}", {}):
        if tuple(row) != COLUMNS:
            raise UserError(f"{path}: is not a whole metrics file (it has other columns); {AGAIN}")
        wrong = {name: NO for name in WHOLE_NUMBERS if row[name] and not _WHOLE.fullmatch(row[name])}
        for name in ("t", "value"):
            if (row[name] or name == "value") and (why := _wrong(row[name], *_bounds(name, row["metric"]))):
                wrong[name] = why
        for name, why in wrong.items():
            called = f"{name} of {shown(row['metric'])}" if name == "value" else name
            raise UserError(f"{path}: row {line} has {shown(row[name])} as {called}, {why}; {AGAIN}")
        if line > MOST_ROWS:
            raise UserError(f"{path}: has more than {MOST_ROWS:,} rows, which no metrics file has; {AGAIN}")
        # Most cells are equal to others, so each text is kept once.
        rows.append({name: known.setdefault(cell, cell) for name, cell in row.items()})
    return rows


def read_each(paths: Iterable[Path]) -> Iterator[tuple[Path, list[dict[str, str]]]]:
    """Read metrics files whose numbers belong together, as `read_metrics`; a file that is named again is left out.

    Raises:
        UserError: As `read_metrics`; or if two rows are of one measurement, whose mean would be a number of neither.
    """
    found: dict[tuple[Any, ...], tuple[Path, int]] = {}
    for path in {os.path.realpath(path): path for path in paths}.values():
        rows = read_metrics(path)
        for line, row in enumerate(rows, 2):
            first, before = found.setdefault(_measured(row), (path, line))
            if (first, before) != (path, line):
                what = " ".join(filter(None, (row["recipe"], row["arm"], "on", row["dataset"])))
                remedy = AGAIN if first == path else "give one of the two files"
                raise UserError(
                    f"{path}: row {line} is {shown(row['metric'])} of {shown(what)}, and so is row {before} of "
                    f"{first}, with the same seed and all else; {remedy}"
                )
        yield path, rows


def _measured(row: Mapping[str, str]) -> tuple[Any, ...]:
    """Return all that tells a measurement from others: all cells but the value, and from how many images it is."""
    return tuple(
        float(cell) if cell and name in (*WHOLE_NUMBERS, "t") else cell
        for name, cell in row.items()
        if name not in ("value", "n")
    )


def read_csv(
    path: Path, columns: Sequence[str], remedy: str, numbers: Sequence[str] | Mapping[str, Cells] = ()
) -> list[str]:
    """Read a CSV to its end, keep nothing of it but its header, and return that.

    Args:
        path: The file: UTF-8, with commas and a header.
        columns: The columns that it must have.
        remedy: Text for messages, after the path: what is wrong with an unsuitable file, and what to do.
        numbers: The columns whose cells must be finite numbers or empty, or what each of such columns may hold.

    Raises:
        UserError: If it is missing or not such a file.
    """
    known = numbers if isinstance(numbers, Mapping) else dict.fromkeys(numbers, Cells(empty=True))
    header = list(columns)
    for _, row in _checked(path, columns, remedy, known):
        header = list(row)
    return header


def _checked(
    path: Path, columns: Sequence[str], remedy: str, numbers: Mapping[str, Cells]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line number, where the header is line 1 and blank lines do not count."""
    if not path.exists():
        raise UserError(f"{path}: cannot be read, there is no such file; run the job that makes it")
    header: list[str] | None = None
    try:
        for line, cells in enumerate(read_rows(path, MOST_BYTES), 1):
            if header is None:
                header = cells
                _check_header(path, header, columns, remedy)
                continue
            row = dict(zip(header, cells, strict=True))
            for name, may in numbers.items():
                if wrong := may.wrong(row[name]):
                    raise UserError(f"{path}: {remedy} (row {line} has {shown(row[name])} as {name}, {wrong})")
            yield line, row
    except ValueError as error:
        raise UserError(f"{path}: {remedy} ({error})") from error
    if header is None:
        raise UserError(f"{path}: {remedy} (it is empty)")


def _check_header(path: Path, header: Sequence[str], columns: Sequence[str], remedy: str) -> None:
    if lacking := [name for name in columns if name not in header]:
        apart = "; its cells are separated by semicolons, not commas" if len(header) == 1 and ";" in header[0] else ""
        raise UserError(f"{path}: {remedy} (it has no column {lacking[0]}{apart})")


def _bounds(name: str, metric: object) -> tuple[float, float]:
    """Return the least and the most that a column may hold in a row of this metric."""
    kind = str(metric) if name == "value" else ""
    if kind.rpartition("_")[2] == "accuracy":
        return 0, 100
    return (-1, 1) if kind.rpartition("_")[2] == "silhouette" else (-LARGEST, LARGEST)


def _wrong(value: Any, least: float = -LARGEST, most: float = LARGEST) -> str | None:
    """Say what is wrong with a cell; None for a number in bounds that both pandas and Python read as that number."""
    if isinstance(value, str) and not re.fullmatch(r"[-+0-9.eE]{1,40}", value, re.ASCII):
        return NO
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return NO
    slack = 1e-6  # for rounding
    return None if least - slack <= number <= most + slack else f"not a finite number from {least:g} to {most:g}"
