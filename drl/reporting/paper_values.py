"""The numbers that the paper prints in its tables: config/paper_values.csv."""

from __future__ import annotations

from functools import cache

import pandas as pd

from drl.config.layers import FOLDER

FILE = FOLDER / "paper_values.csv"


PRIORS = {"gaussian": "gaussian", "uniform+gaussian": "uniform_gaussian"}  # names there, and in the configuration


@cache
def paper_values(table: int) -> pd.DataFrame:
    """Return a table's values: columns dataset, labels, method, variant, metric, value."""
    frame = pd.read_csv(FILE, keep_default_na=False)
    rows = frame[frame["table"].astype(str) == str(table)].drop(columns="table").reset_index(drop=True)
    return rows.assign(value=pd.to_numeric(rows["value"]))


@cache
def paper_fids() -> dict[tuple[str, float], float]:
    """Return the FIDs of Table 6 by prior and t_init."""
    values = paper_values(6)
    rows = values[values["metric"] == "fid_20k"]
    starts = rows["variant"].str.removeprefix("t_init=").astype(float)
    return dict(zip(zip(rows["method"].map(PRIORS), starts, strict=True), rows["value"], strict=True))
