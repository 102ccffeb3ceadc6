"""The numbers that the paper prints in its tables: config/paper_values.csv."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

FILE = Path(__file__).resolve().parents[2] / "config" / "paper_values.csv"


@cache
def paper_values(table: int) -> pd.DataFrame:
    """Return a table's values: columns dataset, labels, method, variant, metric, value."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    rows = frame[frame["table"].astype(str) == str(table)].drop(columns="table").reset_index(drop=True)
    return rows.assign(value=pd.to_numeric(rows["value"]))
