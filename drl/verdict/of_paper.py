"""The paper's printed numbers as evidence, to check whether its tables support its text."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from drl.reporting.fine_tuning_paper import ARMS, DATASETS
from drl.reporting.paper_values import paper_values
from drl.verdict.estimates import ALONE
from drl.verdict.evidence import AXES, COLUMNS, Evidence

PRIORS = {"gaussian": "gaussian", "uniform+gaussian": "uniform_gaussian"}
NAMES = {title: name for name, title in DATASETS.items()}


@cache
def paper_evidence() -> Evidence:
    """Return Tables 1 to 6 as evidence from one run each: every statistic has a value, but no interval."""
    tables = {f"table_{number}": _table(number) for number in ARMS} | {"table_6": _fids()}
    settings = {name: _settings(cells) for name, cells in tables.items()}
    return Evidence("paper", settings, tables)


def _table(number: int) -> pd.DataFrame:
    arms = {names: arm for arm, names in ARMS[number].items()}
    values = paper_values(number)
    values = values[values["metric"] == "accuracy_pct"]
    keys = zip(values["method"], values["variant"], strict=True)
    found = values.assign(arm=[arms[key] for key in keys], dataset=values["dataset"].map(NAMES), metric="accuracy")
    return _whole(found.assign(labels=values["labels"].astype(int)))


def _fids() -> pd.DataFrame:
    values = paper_values(6)
    values = values[values["metric"] == "fid_20k"]
    starts = values["variant"].str.removeprefix("t_init=").astype(float)
    return _whole(
        values.assign(dataset="cifar10", arm=values["method"].map(PRIORS), t=starts, metric="fid", labels=None)
    )


def _whole(cells: pd.DataFrame) -> pd.DataFrame:
    cells = cells.assign(**{axis: None for axis in AXES if axis not in cells}, replicate=ALONE, sd=0.0, n=1)
    return cells[COLUMNS].reset_index(drop=True)


def _settings(cells: pd.DataFrame) -> dict[str, Any]:
    datasets = list(cells["dataset"].unique())
    labels = [[name, sorted(cells.loc[cells["dataset"] == name, "labels"].dropna().unique())] for name in datasets]
    return {"datasets": [[name, DATASETS[name]] for name in datasets], "labels": labels}
