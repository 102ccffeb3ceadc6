"""Read evidence from an item's metrics files, or from the item's own CSV file if the metrics are gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from drl.config.drawings import (
    FewShotItem,
    FineTuningItem,
    ItemJob,
    ProbeItem,
    SilhouetteItem,
    TableArm,
    TrajectoryItem,
)
from drl.errors import UserError
from drl.records.metrics import COUNT, DEVIATION, MEAN, read_csv, read_each
from drl.records.right import read_right
from drl.reporting import few_shot_curves, probe_curves
from drl.reporting.aggregate import metrics_frame, read_frame
from drl.reporting.fine_tuning_runs import read_runs
from drl.verdict.estimates import ALONE
from drl.verdict.evidence import AXES, COLUMNS
from drl.verdict.images import Right
from drl.verdict.training_length import LATE_GROWTH, LATE_RISE, SHARE

MEASURED = ("test_accuracy", "val_accuracy")


def read_measured(paths: Iterable[Path]) -> pd.DataFrame:
    """Read metrics files into one frame, with a column `right`: which images each row's classifier got right, or None.

    Raises:
        UserError: If a file is missing or damaged, or all are empty.
    """
    frames = []
    for path, rows in read_each(paths):
        bits = read_right(path, rows)
        known = [Right((bits[place],), int(row["n"])) if place in bits else None for place, row in enumerate(rows)]
        frames.append(metrics_frame(rows).assign(right=pd.Series(known, dtype=object)))
    if not any(map(len, frames)):
        raise UserError("nothing was measured: the metrics files hold no rows")
    return pd.concat(frames, ignore_index=True)


def from_metrics(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame | None:
    """Return an item's cells, one row per replicate, from rows of metrics files.

    Args:
        frame: Rows of any studies, as returned by `read_measured`.
        settings: Settings of the item.

    Returns:
        A frame with columns COLUMNS; None if nothing of the item is among the rows.
    """
    rows = frame[(frame["study"] == settings.study) & frame["dataset"].isin(settings.dataset_names())]
    # Studies that no claim uses have no reader.
    reader = READERS.get(settings.study)
    if rows.empty or reader is None:
        return None
    cells = reader(rows, settings)
    return None if cells is None or cells.empty else _whole(cells.assign(sd=0.0, n=1))


def from_item(path: Path, item: str, settings: ItemJob, scale: str) -> pd.DataFrame:
    """Return an item's cells, one row each with mean, deviation and count, from the CSV of a figure or table.

    Raises:
        UserError: If it is not such a file, or has another scale.
    """
    numbers = read_frame(path, (), f"cannot be read as the numbers of {item}; make it again")
    counts = "n" if "n" in numbers else "n_seeds"
    if lacking := {"dataset", "metric", "mean", "sd", counts} - set(numbers):
        raise UserError(f"{path}: has no column {min(lacking)!r}; give the unchanged CSV of {item}")
    if settings.study in ("learning_speed", "pretrain"):
        return pd.DataFrame(columns=COLUMNS)  # the mean curve does not say whether each model was still learning
    bounds = {"mean": MEAN, "sd": DEVIATION, counts: COUNT}
    read_csv(path, ("mean",), f"cannot be read as the numbers of {item}; make it again", bounds)
    if other := sorted(set(numbers.get("scale", pd.Series(dtype=str)).dropna()) - {scale}):
        raise UserError(f"{path}: has scale {other[0]}, not {scale}; give --scale {other[0]}")
    if isinstance(settings, TrajectoryItem):
        numbers = _last_epoch(numbers, ["dataset", "arm", "metric"])
    if "arm" in numbers and settings.study in ("probe", "theory"):
        # In rows with an arm, t is a mean of the chosen t.
        numbers["t"] = numbers["t"].where(numbers["arm"].isna())
    cells = numbers.rename(columns={"mean": "value", counts: "n"})
    return _whole(cells.assign(replicate=ALONE))


def _whole(cells: pd.DataFrame) -> pd.DataFrame:
    """Return exactly the columns COLUMNS; axes that an item lacks are empty."""
    cells = cells.assign(**{axis: None for axis in (*AXES, "right") if axis not in cells})
    cells = cells[COLUMNS].astype({"recipe": object, "arm": object})
    cells["right"] = cells["right"].astype(object).where(cells["right"].notna(), None)
    return cells.fillna({"recipe": "", "arm": ""}).reset_index(drop=True)


def _means(rows: pd.DataFrame, axes: Iterable[str], replicate: pd.Series[Any]) -> pd.DataFrame:
    """Average the values within each replicate, such as those of several probe seeds."""
    named = rows.assign(replicate=replicate.astype(str))
    groups = named.groupby([*axes, "replicate"], sort=False, dropna=False)
    return groups.agg(value=("value", "mean"), right=("right", _classifiers)).reset_index()


def _classifiers(found: pd.Series[Any]) -> Right | None:
    """Join what the classifiers of one model got right; None if it is not known of each, or of other images."""
    known = [one for one in found if isinstance(one, Right)]
    if len(known) < len(found) or len({one.n for one in known}) != 1:
        return None
    return Right(tuple(bits for one in known for bits in one.bits), known[0].n)


def _seeds(rows: pd.DataFrame) -> pd.Series[Any]:
    return rows["seed"].astype(int)


def _runs(rows: pd.DataFrame) -> pd.Series[Any]:
    """Name each fine-tuning by its seed and split."""
    return rows["seed"].astype(int).astype(str) + "/" + rows["split"].astype(int).astype(str)


def _of_recipes(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return one number per recipe, metric and t; members of a sweep over an axis get the name of their recipe."""
    members = settings.members if isinstance(settings, SilhouetteItem) else {}
    base = {member: name for name, found in members.items() for member in found}
    rows = rows[rows["recipe"].isin(list(base) or settings.recipe_names())]
    return _means(rows.assign(recipe=rows["recipe"].replace(base)), ["dataset", "recipe", "t", "metric"], _seeds(rows))


def _probe(rows: pd.DataFrame, settings: ProbeItem) -> pd.DataFrame:
    rows = rows[(rows["labels"] == rows["dataset"].map(settings.budgets)) & rows["metric"].isin(MEASURED)]
    rows = rows[rows["recipe"].isin(settings.recipe_names())]
    # For the arms of probe_curves.ARMS, seeds may have chosen different t.
    rows = rows.assign(t=rows["t"].where(~rows["arm"].isin(list(probe_curves.ARMS))))
    return _means(rows, AXES, _seeds(rows))


def _few_shot(rows: pd.DataFrame, settings: FewShotItem) -> pd.DataFrame | None:
    found = set(zip(rows["dataset"], rows["recipe"], strict=True))
    there = tuple(
        (name, label)
        for name, label in settings.recipes
        if found.issuperset(product(settings.dataset_names(), settings.choices.get(name, (name,))))
    )
    if not there:
        return None
    # Take the member of a sweep that the figure shows.
    drawn = few_shot_curves.table(rows, settings.model_copy(update={"recipes": there}))
    shown = drawn[["dataset", "recipe", "chosen_recipe", "labels"]].drop_duplicates()
    kept = rows[rows["metric"].isin(MEASURED)].rename(columns={"recipe": "chosen_recipe"})
    kept = kept.merge(shown, on=["dataset", "chosen_recipe", "labels"])
    return _means(kept, ["dataset", "recipe", "labels", "t", "metric"], _seeds(kept))


def _fid(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    rows = rows[(rows["metric"] == "fid") & rows["recipe"].isin(settings.recipe_names())]
    # Models count, not the disjoint sets of samples of one of them.
    return _means(rows, ["dataset", "recipe", "arm", "t", "metric"], _seeds(rows))


def _fine_tune(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame | None:
    if isinstance(settings, FineTuningItem):
        return _table(rows, settings)
    return _trajectory(rows, settings) if isinstance(settings, TrajectoryItem) else None


def _table(rows: pd.DataFrame, settings: FineTuningItem) -> pd.DataFrame | None:
    """Return the accuracies that the table shows, for the arms and settings that were run."""
    arms = {arm.name: arm for arm in settings.arms}
    beyond = {row.arm for row in settings.beyond}
    rows = rows[rows["arm"].isin({*arms, *beyond})]
    parts = []
    places = rows[["dataset", "arm", "labels"]].drop_duplicates()
    for dataset, arm, labels in places.itertuples(index=False):
        found = rows[(rows["dataset"] == dataset) & (rows["arm"] == arm) & (rows["labels"] == labels)]
        if int(labels) not in dict(settings.labels).get(dataset, ()) and arm not in beyond:
            continue
        one = {
            "datasets": ((dataset, dataset),),
            "labels": ((dataset, (int(labels),)),),
            "arms": (arms.get(arm, TableArm(name=arm, label=arm, baseline=False)),),
            "seeds": sorted(found["seed"].astype(int).unique()),
            "splits": sorted(found["split"].astype(int).unique()),
            "beyond": (),
        }
        parts.append(read_runs(found, settings.model_copy(update=one)))
    if not parts:
        return None
    keys = ["dataset", "arm", "labels", "seed", "split", "epoch"]
    measured = rows[rows["metric"] == "accuracy"][[*keys, "right"]]
    runs = pd.concat(parts).merge(measured, on=keys, how="left", validate="one_to_one")
    cells = _means(runs, ["dataset", "arm", "labels"], _runs(runs)).assign(metric="accuracy")
    started = rows[rows["metric"] == "t_init"]
    return pd.concat([cells, _means(started, ["dataset", "arm", "labels", "metric"], _runs(started))])


def _learning_speed(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return how much the validation accuracy at the best t rises late in the training, in points."""
    rows = rows[rows["recipe"].isin(settings.recipe_names()) & (rows["metric"] == "val_accuracy")]
    of_t = rows.groupby(["dataset", "recipe", "seed", "step", "t"])["value"].mean()
    best = of_t.groupby(["dataset", "recipe", "seed", "step"]).max()
    return _late(best, LATE_RISE, lambda late, last: last - late)


def _code_usage(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return how many times the worth of the code, averaged over t, grows late in the training."""
    rows = rows[rows["recipe"].isin(settings.recipe_names()) & (rows["metric"] == "code_worth")]
    worth = rows.groupby(["dataset", "recipe", "seed", "step"])["value"].mean()
    return _late(worth, LATE_GROWTH, lambda late, last: last / late if late > 0 else 1.0)


def _late(numbers: pd.Series[Any], metric: str, change: Callable[[float, float], float]) -> pd.DataFrame:
    """Compare the end of each training with two thirds of it, at the measured step that is nearest."""
    found = []
    key: Any
    for key, one in numbers.groupby(["dataset", "recipe", "seed"]):
        dataset, recipe, seed = key
        by_step = one.droplevel(["dataset", "recipe", "seed"])
        steps = [int(step) for step in by_step.index]
        late = steps[min(range(len(steps)), key=[abs(step - SHARE * max(steps)) for step in steps].__getitem__)]
        value = change(float(by_step[late]), float(by_step[max(steps)]))
        cells = {"dataset": dataset, "recipe": recipe, "metric": metric, "replicate": str(int(seed))}
        found.append({**cells, "value": value})
    return pd.DataFrame(found)


def _theory(rows: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    # As for probes, seeds may have chosen different t.
    rows = rows.assign(arm=rows["arm"].fillna(""))
    return _means(rows.assign(t=rows["t"].where(rows["arm"] == "")), AXES, _seeds(rows))


def _trajectory(rows: pd.DataFrame, settings: TrajectoryItem) -> pd.DataFrame:
    """Return the learned t at the end of each run, the t from weight decay alone, and the accuracy.

    Some runs end early. To compare accuracies, they are read at the last outer epoch that all runs have.
    """
    rows = rows[rows["arm"].isin([arm.name for arm in settings.arms])]
    rows = rows[rows["labels"] == rows["dataset"].map(settings.labels)]
    ends = rows.groupby(["dataset", "arm", "seed", "split"])["epoch"].max().groupby("dataset").min()
    in_all = rows[(rows["metric"] == "accuracy") & (rows["epoch"] <= rows["dataset"].map(ends))]
    rows = pd.concat([rows[rows["metric"].isin(["t", "t_without_gradient"])], in_all])
    last = _last_epoch(rows, ["dataset", "arm", "metric", "seed", "split"])
    return _means(last, ["dataset", "arm", "metric"], _runs(last))


def _last_epoch(rows: pd.DataFrame, axes: list[str]) -> pd.DataFrame:
    return rows.sort_values("epoch").groupby(axes, sort=False, dropna=False).tail(1)


# How the rows of each study are read; each reader takes the study's class of settings.
READERS: Mapping[str, Callable[[pd.DataFrame, Any], pd.DataFrame | None]] = {
    "probe": _probe,
    "few_shot": _few_shot,
    "silhouettes": _of_recipes,
    "latent_grid": _of_recipes,
    "code_swap": _of_recipes,
    "one_code": _of_recipes,
    "fid": _fid,
    "theory": _theory,
    "learning_speed": _learning_speed,
    "pretrain": _code_usage,
    "fine_tune": _fine_tune,
}
