"""Reduce each fine-tuning run to one number, and average over runs, for Tables 1 to 5."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import pandas as pd

from drl.config.drawings import BeyondRow, FineTuningItem, Reading
from drl.errors import UserError

REPLICATE = ["seed", "split"]
NAMED = 5  # maximum number of missing runs that an error names


class Setting(NamedTuple):
    """The images that a classifier is fine-tuned on: dataset and number of labels."""

    dataset: str
    labels: int


class Cell(NamedTuple):
    """A cell of a table: an arm in a setting."""

    arm: str
    setting: Setting


def settings_of(settings: FineTuningItem) -> list[Setting]:
    """Return a table's settings in order."""
    labels = dict(settings.labels)
    return [Setting(dataset, n) for dataset in settings.dataset_names() for n in labels[dataset]]


def cells_of(settings: FineTuningItem) -> list[Cell]:
    """Return all cells of a table in order; cells beyond the paper come last."""
    cells = [Cell(arm.name, setting) for setting, arm in product(settings_of(settings), settings.arms)]
    return list(dict.fromkeys(cells + [beyond_cell(row) for row in settings.beyond]))


def beyond_cell(row: BeyondRow) -> Cell:
    """Return the cell of a row beyond the paper."""
    return Cell(row.arm, Setting(row.dataset, row.labels))


def read_runs(frame: pd.DataFrame, settings: FineTuningItem) -> pd.DataFrame:
    """Read one accuracy from each run.

    Args:
        frame: Rows of the study `fine_tune`.
        settings: Each pair of `seeds` and `splits` that occurs in one cell must occur in all. `reading` gives the outer
            epoch to stop at (None for a run's last); `last` takes the test accuracy at that epoch, `best_val` takes it
            at the epoch up to there with the best validation accuracy, the first if several are equal.

    Returns:
        dataset, labels, arm, seed, split, epoch (at which the accuracy was read) and value (percent), one row per run.

    Raises:
        UserError: If runs are missing, occur twice, end too early, or have no validation accuracy to choose by.
    """
    axes = ["arm", "dataset", "labels", *REPLICATE]
    rows = frame[frame["metric"].isin(["accuracy", "validation_accuracy"])]
    found: dict[Any, pd.DataFrame] = dict(iter(rows.groupby(axes, sort=False)))
    item, cells = f"table_{settings.number}", cells_of(settings)
    named_cells = {(cell.arm, *cell.setting) for cell in cells}
    pairs = _pairs([key[3:] for key in found if key[:3] in named_cells], settings, item)
    wanted = [(cell.arm, *cell.setting, *pair) for cell, pair in product(cells, pairs)]
    if missing := [key for key in wanted if key not in found]:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        named = "; ".join(_name(key) for key in missing[:NAMED])
        raise UserError(
            f"{item}: the metrics files have no run of {named}{more}; "
            "give all files of this table, made with the current settings"
        )
    read = [(*key, *_reading(found[key], f"{item}: {_name(key)}", settings.reading)) for key in wanted]
    return pd.DataFrame(read, columns=[*axes, "epoch", "value"])


def _pairs(found: Iterable[tuple[int, int]], settings: FineTuningItem, item: str) -> list[tuple[int, int]]:
    """Return the replicates: pairs of seed and split from the settings. Not every combination need have been run."""
    seeds, splits = settings.seeds, settings.splits
    pairs = sorted({(int(seed), int(split)) for seed, split in found if seed in seeds and split in splits})
    for k, (what, numbers) in enumerate((("seed", seeds), ("split", splits))):
        if lacking := sorted(set(numbers) - {pair[k] for pair in pairs}):
            raise UserError(
                f"{item}: the metrics files have no run of {what} {lacking[0]} for any arm; "
                "give all files of this table, made with the current settings"
            )
    return pairs


def _name(key: tuple[str, str, int, int, int]) -> str:
    arm, dataset, labels, seed, split = key
    return f"arm {arm!r} on {dataset} with {labels} labels (seed {seed}, split {split})"


def _reading(run: pd.DataFrame, name: str, reading: Reading) -> tuple[int, float]:
    """Return the selected outer epoch and the test accuracy there."""
    if run.duplicated(["metric", "epoch"]).any():
        raise UserError(f"{name} occurs twice; give the metrics file of each run once")
    series = {metric: rows.set_index("epoch")["value"].sort_index() for metric, rows in run.groupby("metric")}
    test = series.get("accuracy", pd.Series(dtype=float))
    stop = reading.epoch
    if test.empty or (stop is not None and test.index[-1] < stop):
        end = 0 if test.empty else int(test.index[-1])
        raise UserError(
            f"{name} ends after outer epoch {end}, before the one to read{'' if stop is None else f', {stop}'}; "
            "train it to that epoch, or read an earlier one"
        )
    last = int(test.index[-1]) if stop is None else int(stop)
    epoch = last if reading.select == "last" else _best(series.get("validation_accuracy"), last, name)
    if epoch not in test.index:
        raise UserError(f"{name} has no test accuracy after outer epoch {epoch}; run it again")
    return epoch, float(test[epoch])


def _best(validation: pd.Series[float] | None, last: int, name: str) -> int:
    """Return the first outer epoch up to `last` with the best validation accuracy; test accuracy is not used."""
    seen = pd.Series(dtype=float) if validation is None else validation[validation.index <= last]
    if seen.empty:
        raise UserError(
            f"{name} has no validation_accuracy to choose an epoch by; hold out validation images, or read the last"
        )
    # The index holds floats, but pandas types its labels as Any.
    return int(float(str(seen.idxmax())))


def summarise(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Take mean and deviation over runs, which are pairs of seed and split.

    Args:
        runs: Result of `read_runs` or `differences`.
        metric: Name of the metric of the values.

    Returns:
        dataset, labels, arm, metric, mean, sd (ddof 1; 0 for one run), n (runs) and epoch (mean over runs).
    """
    groups = runs.groupby(["dataset", "labels", "arm"], sort=False)
    table = groups.agg(mean=("value", "mean"), sd=("value", "std"), n=("value", "count"), epoch=("epoch", "mean"))
    table = table.reset_index().fillna({"sd": 0.0})
    table.insert(3, "metric", metric)
    return table


def differences(runs: pd.DataFrame, settings: FineTuningItem) -> pd.DataFrame:
    """Subtract from each run the run of the first baseline arm with the same dataset, labels, seed and split.

    Returns:
        Rows as from `read_runs`, for the arms with pretraining among the table's columns.

    Raises:
        UserError: If no arm is a baseline.
    """
    baselines = [arm.name for arm in settings.arms if arm.baseline]
    if not baselines:
        raise UserError(
            f"table_{settings.number}: every arm has pretraining, so there is no baseline to subtract; add one"
        )
    pairs = ["dataset", "labels", *REPLICATE]
    own = runs[runs["arm"].isin(list(pretrained(settings)))]
    base = runs[runs["arm"] == baselines[0]]
    both = own.merge(base[[*pairs, "value"]], on=pairs, suffixes=("", "_base"), validate="many_to_one")
    return both.assign(value=both["value"] - both["value_base"]).drop(columns="value_base")


def pretrained(settings: FineTuningItem) -> dict[str, str]:
    """Return names and labels of the table's arms that begin with a pretrained encoder."""
    return {arm.name: arm.label for arm in settings.arms if not arm.baseline}


def iterate(numbers: pd.DataFrame) -> Iterator[tuple[str, Cell, Any]]:
    """Yield metric, cell and row of each of a table's numbers."""
    rows: Iterable[Any] = numbers.itertuples()
    for row in rows:
        yield row.metric, Cell(row.arm, Setting(row.dataset, int(row.labels))), row
