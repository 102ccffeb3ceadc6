"""Eq. 6 and Proposition 2.1 on a mixture with a known score: losses against the constant, codes against an AE's."""

from __future__ import annotations

import string

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drl.config.drawings import ItemJob
from drl.reporting import style
from drl.reporting.aggregate import over_seeds

AXES = ["scale", "study", "dataset", "recipe", "arm", "t", "metric"]
BEST = "best_t"
CONSTANT, UNCONDITIONAL = "#000000", style.Look("#E69F00", "o", "-")
CAPTION = """
A mixture of {{ components }} Gaussians in {{ dimensions }} dimensions, of {{ classes }} classes, whose score is known
at every *t*. (a), (b) Denoising losses, weighted with sigma(*t*)² and half the sum over entries, beside the constant
of Eq. 6, which is the loss of the exact score: a score model without a code cannot go below it, one with the code
*E(x_0, t)* of Eq. 9 can. (c), (d) Proposition 2.1: classes, and *x_0* itself, read from codes of {{
studies.theory.code_size }} entries by {{ studies.theory.neighbours }} nearest neighbours, for DRL at each *t* and for
an autoencoder with the same encoder, whose *t* is always 1, so that its line is level. At *t* = 1 the two learn the
same; another *t* can be better. The classes are details of *x_0*, by choice, so that what denoising asks of a code
differs over *t*.

Each training takes {{ studies.theory.steps }} steps, with {{ {"edm": "EDM's", "paper": "the
paper's"}[studies.theory.objective] }} preconditioning and weighting; each expectation is over {{ studies.theory.draws
}} draws. Lines are means, bands one standard deviation over seeds. Constants and kernels are exact at any scale; how
close models come to them depends on steps and seeds. The CSV beside the figure also has the closed forms of both
kernels against a simulation, and the identity of Eq. 6 for the trained model. Kernel: the authors', whose variance is
sigma(*t*)², where the paper writes sigma(*t*)² - sigma(0)².
"""


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return mean and deviation over seeds of everything that was measured.

    Two metrics are added: `relative_excess`, the excess of a loss over the constant in percent of the constant, and
    `best_t`, the t chosen on validation. Rows with arm `best_t` have no t, because seeds choose different ones.
    """
    best = frame["arm"] == BEST
    chosen = frame[best & (frame["metric"] == "test_accuracy")]
    chosen = chosen.assign(metric=BEST, value=chosen["t"], t=float("nan"), n=float("nan"))
    frame = frame.assign(t=frame["t"].mask(best))
    return over_seeds(pd.concat([frame, _relative_excess(frame), chosen]), AXES)


def _relative_excess(frame: pd.DataFrame) -> pd.DataFrame:
    constants = frame[(frame["recipe"] == "exact") & (frame["metric"] == "constant_quadrature")]
    known = constants.set_index(["seed", "t"])["value"]
    excess = frame[frame["metric"] == "excess"]
    shares = [
        100 * value / known[seed, t]
        for seed, t, value in zip(excess["seed"], excess["t"], excess["value"], strict=True)
    ]
    return excess.assign(metric="relative_excess", value=shares)


def draw(numbers: pd.DataFrame, settings: ItemJob) -> Figure:
    """Draw four panels over t: losses, losses relative to the constant, accuracy, reconstruction error."""
    names = dict(settings.recipes)
    figure, axes = style.panels(2, 2, (2 * style.PANEL_WIDTH + 0.9, 2 * style.PANEL_HEIGHT + 0.4))
    _losses(axes[0, 0], numbers, names)
    _excess(axes[0, 1], numbers, names)
    _accuracy(axes[1, 0], numbers, names)
    _reconstruction(axes[1, 1], numbers, names)
    for letter, panel in zip(string.ascii_lowercase, axes.flat, strict=False):
        panel.set_title(f"({letter}) {panel.get_title()}", loc="left", fontsize=8)
        panel.set_title("")
        panel.set(xlabel="time $t$", xlim=(-0.03, 1.03))
    _legend(figure, list(axes.flat))
    return figure


def _legend(figure: Figure, panels: list[Axes]) -> None:
    """Put one legend below all panels, where it covers no line, whatever the numbers are."""
    shown = {
        label: handle for panel in panels for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    width, height = figure.get_size_inches()
    columns, rows = style.legend_shape(list(shown), width)
    figure.set_size_inches(width, height + style.LEGEND_ROW * rows)
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=columns, frameon=False)


def _losses(panel: Axes, numbers: pd.DataFrame, names: dict[str, str]) -> None:
    constant = _rows(numbers, "exact", "constant_quadrature")
    panel.plot(constant["t"], constant["mean"], color=CONSTANT, linewidth=2.4, alpha=0.35, label="constant of Eq. 6")
    for recipe in ("unconditional", "drl"):
        _line(panel, _rows(numbers, recipe, "denoising_loss"), recipe, names)
    panel.set(yscale="log", ylabel="denoising loss", title="Denoising loss")


def _excess(panel: Axes, numbers: pd.DataFrame, names: dict[str, str]) -> None:
    error = 200 * _level(numbers, "constant_se") / _level(numbers, "constant_quadrature")
    panel.fill_between(error.index, -error, error, color=CONSTANT, alpha=0.35, linewidth=0, label="±2 standard errors")
    for recipe in ("unconditional", "drl"):
        _line(panel, _rows(numbers, recipe, "relative_excess"), recipe, names)
    panel.set(ylabel="above the constant (%)", title="The same, above the constant")


def _accuracy(panel: Axes, numbers: pd.DataFrame, names: dict[str, str]) -> None:
    _line(panel, _rows(numbers, "drl", "test_accuracy"), "drl", names)
    _flat(panel, numbers, "ae", "test_accuracy", names)
    _ceiling(panel, numbers, "test_accuracy")
    best, t = (_rows(numbers, "drl", metric, BEST) for metric in ("test_accuracy", BEST))
    if len(best):
        look = style.of("DRL", [])
        panel.plot(t["mean"], best["mean"], "*", color=look.colour, markersize=9, label="best $t$ on validation")
    panel.set(ylabel="accuracy (%)", title="Classes read from codes")


def _reconstruction(panel: Axes, numbers: pd.DataFrame, names: dict[str, str]) -> None:
    _line(panel, _rows(numbers, "drl", "reconstruction_error"), "drl", names)
    _flat(panel, numbers, "ae", "reconstruction_error", names)
    _ceiling(panel, numbers, "reconstruction_error")
    panel.set(ylabel="share of variance left", title="$x_0$ read from codes")
    panel.set_ylim(bottom=0)


def _rows(numbers: pd.DataFrame, recipe: str, metric: str, arm: str = "") -> pd.DataFrame:
    found = (numbers["recipe"] == recipe) & (numbers["metric"] == metric) & (numbers["arm"] == arm)
    return numbers[found].sort_values("t")


def _level(numbers: pd.DataFrame, metric: str) -> pd.Series:
    return _rows(numbers, "exact", metric).set_index("t")["mean"]


def _line(panel: Axes, rows: pd.DataFrame, recipe: str, names: dict[str, str]) -> None:
    style.curve(panel, rows, "t", names[recipe], [], UNCONDITIONAL if recipe == "unconditional" else None)


def _flat(panel: Axes, numbers: pd.DataFrame, recipe: str, metric: str, names: dict[str, str]) -> None:
    """Draw numbers without t as a horizontal line with a band of one deviation."""
    row, look = _rows(numbers, recipe, metric).iloc[0], style.of(names[recipe], [])
    panel.axhline(row["mean"], color=look.colour, linestyle=look.dashes, label=names[recipe])
    panel.axhspan(row["mean"] - row["sd"], row["mean"] + row["sd"], color=look.colour, alpha=0.2, linewidth=0)


def _ceiling(panel: Axes, numbers: pd.DataFrame, metric: str) -> None:
    rows = _rows(numbers, "exact", metric)
    panel.axhline(rows["mean"].iloc[0], color="#7F7F7F", linestyle=":", label="read from $x_0$ itself")
