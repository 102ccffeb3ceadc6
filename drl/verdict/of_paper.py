"""The paper's printed numbers as evidence, to check whether its tables support its text."""

from __future__ import annotations

from functools import cache

import pandas as pd

from drl.config.drawings import FidItem, FineTuningItem, ItemJob, Reading
from drl.reporting.fine_tuning_paper import ARMS, DATASETS
from drl.reporting.paper_values import paper_fids, paper_values
from drl.verdict.estimates import ALONE
from drl.verdict.evidence import AXES, COLUMNS, Evidence

NAMES = {title: name for name, title in DATASETS.items()}


@cache
def paper_evidence() -> Evidence:
    """Return Tables 1 to 6 as evidence from one run each: every statistic has a value, but no interval."""
    tables, settings = {"table_6": _fids()}, {"table_6": _fid_settings()}
    for number in ARMS:
        tables[f"table_{number}"] = cells = _table(number)
        settings[f"table_{number}"] = _settings(number, cells)
    return Evidence("paper", settings, tables)


def _table(number: int) -> pd.DataFrame:
    arms = {names: arm for arm, names in ARMS[number].items()}
    values = paper_values(number)
    values = values[values["metric"] == "accuracy_pct"]
    keys = zip(values["method"], values["variant"], strict=True)
    found = values.assign(arm=[arms[key] for key in keys], dataset=values["dataset"].map(NAMES), metric="accuracy")
    return _whole(found.assign(labels=values["labels"].astype(int)))


def _fids() -> pd.DataFrame:
    rows = [{"arm": prior, "t": t, "value": fid} for (prior, t), fid in paper_fids().items()]
    return _whole(pd.DataFrame(rows).assign(dataset="cifar10", metric="fid"))


def _whole(cells: pd.DataFrame) -> pd.DataFrame:
    cells = cells.assign(**{axis: None for axis in AXES if axis not in cells}, replicate=ALONE, sd=0.0, n=1, right=None)
    return cells[COLUMNS].reset_index(drop=True)


def _settings(number: int, cells: pd.DataFrame) -> ItemJob:
    labels = {name: rows["labels"] for name, rows in cells.groupby("dataset", sort=False)}
    return FineTuningItem(
        study="fine_tune",
        number=number,
        datasets=tuple((str(name), DATASETS[str(name)]) for name in labels),
        labels=tuple((str(name), tuple(sorted(map(int, set(values))))) for name, values in labels.items()),
        arms=(),
        reading=Reading(epoch=None, select="last"),
    )


def _fid_settings() -> ItemJob:
    return FidItem(study="fid", datasets=(("cifar10", DATASETS["cifar10"]),))
