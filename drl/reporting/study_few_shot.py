"""A table of the accuracy of support vector machines fitted to the codes of a few labelled images of one dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from drl.config.drawings import FewShotItem
from drl.errors import UserError
from drl.reporting.table import Sheet, demo_remark

CAPTION = """
Test accuracy in percent of support vector machines (scikit-learn's SVC with its defaults) on the codes of a few
labelled training images. ``mean`` and ``sd`` are over pretraining seeds, each read at the *t* that validation images
chose for its model (``chosen_t``, in the order of the seeds); the other columns are means at each *t*. Equally many
images of each class are labelled (split {{ studies.few_shot.split }}). Numbers of labels that the training images do
not allow are lowered to what they allow. Validation images are training images too, and their labels chose *t*.
"""


def table(frame: pd.DataFrame, settings: FewShotItem) -> pd.DataFrame:
    """Return one row for each recipe and number of labels.

    Columns: recipe, labels, n_seeds; chosen_t (as text, `0.1, 0.2`: the t of each seed, in the order of the seeds),
    mean and sd of the test accuracy in percent at the t that was chosen on validation images for each seed's model;
    then the mean at each t, as t=0.1. Codes that do not depend on t are read at only one t, and their accuracy is
    repeated for each t. The arm `chosen` of probe metrics gives the chosen t.

    Raises:
        UserError: If a recipe lacks rows.
    """
    few = frame[(frame["study"] == "few_shot") & (frame["metric"] == "test_accuracy")]
    chosen = frame[(frame["study"] == "probe") & (frame["arm"] == "chosen") & (frame["metric"] == "val_accuracy")]
    rows = []
    for recipe, label in settings.recipes:
        of_seed = chosen[chosen["recipe"] == recipe].set_index("seed")["t"].to_dict()
        for labels in settings.labels:
            own = few[(few["recipe"] == recipe) & (few["labels"] == labels)]
            if own.empty or set(own["seed"]) - set(of_seed):
                raise UserError(
                    f"few_shot: the metrics files have no rows of recipe {recipe!r} with {labels} labels, or no t "
                    "chosen on validation images; give all files of this study, made with the current settings"
                )
            rows.append({"recipe": label, "labels": labels, **_row(own, of_seed, settings.t)})
    return pd.DataFrame(rows)


def _row(own: pd.DataFrame, of_seed: dict[Any, float], times: Sequence[float]) -> dict[str, Any]:
    at = own.pivot_table(index="seed", columns="t", values="value")
    if len(at.columns) == 1:
        at = pd.DataFrame(dict.fromkeys(times, at.iloc[:, 0]))
    best = pd.Series({seed: at.loc[seed, _nearest(at.columns, of_seed[seed])] for seed in at.index})
    return {
        "n_seeds": len(at),
        "chosen_t": ", ".join(f"{of_seed[seed]:g}" for seed in at.index),
        "mean": best.mean(),
        "sd": best.std() if len(at) > 1 else 0.0,
        **{f"t={t:g}": at[t].mean() for t in times},
    }


def _nearest(times: Any, wanted: float) -> float:
    """Return the t nearest to the chosen one, because probes and few-shot fits may read codes at different t."""
    return float(min(times, key=lambda t: abs(t - wanted)))


def sheet(numbers: pd.DataFrame, settings: FewShotItem) -> Sheet:
    """Return one row per recipe and number of labels, with the accuracy at the chosen t and at each t."""
    over_t = [column for column in map(str, numbers) if column.startswith("t=")]
    header = ["recipe", "labels", "chosen t", "at the chosen t", *over_t]
    rows = []
    for row in numbers.to_dict("records"):
        spread = f" ± {row['sd']:.1f}" if row["n_seeds"] > 1 else ""
        name = f"{row['recipe']} ‡" if row["recipe"] in (settings.changed or ()) else row["recipe"]
        cells = [name, f"{row['labels']:,}", str(row["chosen_t"]), f"{row['mean']:.1f}{spread}"]
        rows.append(cells + [f"{row[column]:.1f}" for column in over_t])
    ((_, title),) = settings.datasets
    changed = " ‡: with changed settings." if settings.changed else ""
    caption = (
        f"Test accuracy in percent of support vector machines on the codes of a few labelled images of {title}; "
        "mean and deviation over pretraining seeds. Each seed is read at its own chosen t, at which its probes were "
        f"best on validation images; these are given in the order of the seeds.{changed}{demo_remark(settings)}"
    )
    return Sheet(caption, header, rows)
