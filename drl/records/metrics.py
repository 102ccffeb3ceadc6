"""The one shape of every measurement: a long CSV, one number a row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from drl.errors import UserError
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


def write_metrics(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows atomically; cells that a row does not name stay empty.

    Args:
        path: The CSV file.
        rows: Keys among COLUMNS; accuracies in percent.
    """
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="raise", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_metrics(path: Path) -> list[dict[str, str]]:
    """Read a metrics CSV as text cells.

    Raises:
        UserError: If the file is missing, cut off or of another shape.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); run the job that makes it") from error
    if tuple(reader.fieldnames or ()) != COLUMNS or any(None in row or None in row.values() for row in rows):
        raise UserError(f"{path}: is not a whole metrics file; remove it and run the job that makes it")
    return rows
