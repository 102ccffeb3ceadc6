"""Number of training steps until a probe can predict the class from the code, for EDM's weighting and the paper's.

This goes beyond the paper.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from numpy.typing import NDArray

from drl.config.drawings import LearningSpeedItem, Pairs
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

MODEL = ["scale", "study", "dataset", "recipe"]
COLUMNS = [*MODEL, "against", "step", "metric", "bound", "mean", "sd", "n_seeds", "of_seeds"]
INVERSE = {"": "", ">": "<", "<": ">", "~": "~"}
TEXT_WIDTH = 1.7  # inches
CAPTION = """
Accuracy, on validation images, of probes on snapshots of the encoder during training, at the best of a few *t*: the
paper's preconditioning and weighting beside those of EDM (Karras et al. 2022), all else equal. A mark shows the step
at which the codes reach {{ "%g" % studies.learning_speed.accuracy }} %. Each training keeps {{
studies.learning_speed.snapshots }} snapshots besides the untrained encoder. Probes have one seed, and are trained on
the training images that are not marked as validation.
"""


def table(frame: pd.DataFrame, settings: LearningSpeedItem) -> pd.DataFrame:
    """Return three kinds of rows, named by `metric`.

    - best_t_accuracy: validation accuracy at the best t, in percent, for each recipe and step.
    - steps_to_accuracy: mean number of steps until each seed first reaches `accuracy`, by linear interpolation between
      snapshots; `n_seeds` of `of_seeds` seeds reach it. A seed that does not counts with its last step, and `bound` is
      ">", because the true mean is higher. A seed that has reached it at its first snapshot counts with that step, and
      `bound` is "<". With both, `bound` is "~". A bound has no deviation.
    - speed_up: steps of the recipe `against` divided by steps of `recipe`, with its `bound`, for the settings' pairs of
      the paper's recipe and the faster one. There is no row if one of the two is not drawn, the two bounds say nothing
      about the ratio, or no step was needed.
    """
    best = _best_t(frame[frame["metric"] == "val_accuracy"])
    curves = over_seeds(best, [*MODEL, "step"]).assign(metric="best_t_accuracy", bound="", against="")
    curves["of_seeds"] = curves["n_seeds"]
    steps = pd.DataFrame(
        [
            dict(zip(MODEL, model, strict=True)) | _steps(rows, settings.accuracy)
            for model, rows in best.groupby(MODEL, sort=False)
        ]
    )
    ratios = [row for pair in settings.pairs for row in _speed_ups(steps, *pair)] if len(steps) else []
    numbers = pd.concat([part for part in (curves, steps, pd.DataFrame(ratios)) if len(part)] or [curves])
    whole = dict.fromkeys(("step", "n_seeds", "of_seeds"), "Int64")
    return numbers.reindex(columns=COLUMNS).astype(whole).reset_index(drop=True)


def _best_t(rows: pd.DataFrame) -> pd.DataFrame:
    """Average over probe seeds, then take the best t separately for each seed and step."""
    keys = [*MODEL, "seed", "step"]
    within = rows.groupby([*keys, "t"], sort=False)["value"].mean().reset_index()
    return within.groupby(keys, sort=False)["value"].max().reset_index()


def first_reached(steps: NDArray[np.float64], values: NDArray[np.float64], target: float) -> tuple[float, str]:
    """Return the step at which a line through (steps, values) first reaches `target`, and what kind of bound it is.

    Args:
        steps: Steps in ascending order, at least one.
        values: One value for each step.
        target: It is reached if a value is equal or above.

    Returns:
        Step and bound. The bound is "" if the line crosses the target or has reached it at step 0; ">" with the last
        step if the line never reaches it; "<" with the first step if it is reached there already.
    """
    above = np.flatnonzero(values >= target)
    if not len(above):
        return float(steps[-1]), ">"
    k = int(above[0])
    if k == 0:
        return float(steps[0]), "<" if steps[0] > 0 else ""
    share = (target - values[k - 1]) / (values[k] - values[k - 1])
    return float(steps[k - 1] + share * (steps[k] - steps[k - 1])), ""


def _steps(rows: pd.DataFrame, target: float) -> dict[str, Any]:
    """Return the mean number of steps. If a seed gives only a bound, so does the mean; else it would look too good."""
    lines = [line for _, line in rows.sort_values("step").groupby("seed")]
    found = [first_reached(line["step"].to_numpy(float), line["value"].to_numpy(float), target) for line in lines]
    taken, bounds = [step for step, _ in found], {bound for _, bound in found} - {""}
    spread = float(np.std(taken, ddof=1)) if len(taken) > 1 else 0.0
    return {
        "metric": "steps_to_accuracy",
        "against": "",
        "bound": _one(bounds),
        "mean": float(np.mean(taken)),
        "sd": float("nan") if bounds else spread,
        "n_seeds": sum(bound != ">" for _, bound in found),
        "of_seeds": len(found),
    }


def _one(bounds: set[str]) -> str:
    """Combine bounds; bounds from both sides give "~", which bounds nothing."""
    return "~" if len(bounds) > 1 else "".join(bounds)


def _speed_ups(steps: pd.DataFrame, slow: str, fast: str) -> list[dict[str, Any]]:
    """Return the ratio of means, because seeds of two recipes are not paired."""
    found = []
    for dataset, rows in steps.groupby("dataset", sort=False):
        by_recipe = rows.set_index("recipe")
        if slow not in by_recipe.index or fast not in by_recipe.index:
            continue
        a, b = by_recipe.loc[slow], by_recipe.loc[fast]
        bound = _one({str(a["bound"]), INVERSE[str(b["bound"])]} - {""})
        if bound == "~" or not b["mean"]:
            continue
        found.append(
            {
                **{key: b[key] for key in ("scale", "study")},
                "dataset": dataset,
                "recipe": fast,
                "against": slow,
                "metric": "speed_up",
                "bound": bound,
                "mean": a["mean"] / b["mean"],
                "n_seeds": min(a["n_seeds"], b["n_seeds"]),
                "of_seeds": max(a["of_seeds"], b["of_seeds"]),
            }
        )
    return found


def draw(numbers: pd.DataFrame, settings: LearningSpeedItem) -> Figure:
    """Draw one row per dataset: accuracy at the best t over training, and to its right the steps to the target.

    The black dashed line is the target accuracy. A large marker on it, with a thin line down, shows the mean step at
    which a recipe's seeds reach it; there is no marker if that is only a bound.
    """
    datasets, recipes = settings.datasets, settings.recipes
    # The text beside a panel needs a fixed height for each recipe, which can be more than the panel needs.
    height = max(style.PANEL_HEIGHT, 0.45 * len(recipes) + 0.4)
    size = (style.PANEL_WIDTH + TEXT_WIDTH + 0.4, height * len(datasets) + 0.2)
    figure, axes = style.panels(len(datasets), 1, size)
    for panel, (dataset, title) in zip(axes[:, 0], datasets, strict=True):
        _panel(panel, numbers[numbers["dataset"] == dataset], recipes, settings.accuracy)
        panel.set_title(title)
    axes[-1, 0].set_xlabel("Training step")
    figure.supylabel("Validation accuracy at the best $t$ (%)", fontsize=8)
    style.footnote(figure, style.spread(numbers[numbers["metric"] == "best_t_accuracy"]))
    return figure


def _panel(panel: Axes, rows: pd.DataFrame, recipes: Pairs, accuracy: float) -> None:
    labels = [label for _, label in recipes]
    panel.axhline(accuracy, color="black", linewidth=0.8, linestyle=(0, (4, 3)))
    style.curves(panel, rows[rows["metric"] == "best_t_accuracy"], "step", recipes)
    bottom = panel.get_ylim()[0]
    for recipe, label in recipes:
        own = rows[(rows["recipe"] == recipe) & (rows["metric"] == "steps_to_accuracy")]
        look = style.of(label, labels)
        # Hollow markers are transparent, because two recipes may need the same number of steps.
        face = {"markerfacecolor": "none"} if look.hollow else {}
        for step in own.loc[own["bound"] == "", "mean"]:
            panel.plot([step], [accuracy], linestyle="none", markersize=8, **look.marker_options() | face)
            panel.vlines(step, bottom, accuracy, color=look.colour, linestyle=look.dashes, linewidth=0.8)
    panel.set_ylim(bottom=bottom)
    panel.set_xlim(left=0)
    panel.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    handles, _ = panel.get_legend_handles_labels()
    texts = [f"{label}\n{_words(rows[rows['recipe'] == recipe], dict(recipes))}" for recipe, label in recipes]
    panel.legend(
        handles,
        texts,
        title=f"Steps to {accuracy:g} %",
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        frameon=False,
        alignment="left",
        labelspacing=0.8,
    )


def _words(rows: pd.DataFrame, recipes: dict[str, str]) -> str:
    """Describe a recipe's steps, how many seeds reach the accuracy if not all do, and its relative speed."""
    steps = rows[rows["metric"] == "steps_to_accuracy"].iloc[0]
    text = f"{steps['bound']}{two_digits(steps['mean'], steps['bound'])} steps"
    if steps["n_seeds"] < steps["of_seeds"]:
        text += f" ({steps['n_seeds']} of {steps['of_seeds']} seeds)"
    for _, ratio in rows[rows["metric"] == "speed_up"].iterrows():
        times = two_digits(ratio["mean"], ratio["bound"])
        text += f"\n{ratio['bound']}{times}× as fast as {recipes[ratio['against']]}"
    return text


def two_digits(value: float, bound: str) -> str:
    """Write a number with two digits, the precision of interpolation between snapshots, rounding bounds safely.

    Args:
        value: At least 0.
        bound: ">" rounds down, "<" rounds up, anything else rounds to the nearest.
    """
    towards = {">": ROUND_FLOOR, "<": ROUND_CEILING}.get(bound, ROUND_HALF_EVEN)
    return f"{Context(prec=2, rounding=towards).create_decimal_from_float(value):,f}"
