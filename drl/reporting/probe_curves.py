"""Figures 4, 5, 9, 10 and 11: probe accuracy over t, and beside it the accuracy of probes of the whole trajectory."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drl.config.drawings import Pairs, ProbeItem
from drl.errors import UserError
from drl.reporting import style
from drl.reporting.aggregate import over_seeds
from drl.reporting.broken_axis import EXPLAINED, Extent, break_axis

AXES = ["scale", "study", "dataset", "recipe", "arm", "labels", "t", "metric"]
# Paper section 2.2 leaves open how to use the whole trajectory of codes; these are two ways.
ARMS = {"chosen": "chosen\n$t$ †", "concatenated": "all\n$t$ †"}
CAPTION = """
Test accuracy of a small network on frozen codes, read at each time *t*. Titles give the number of labels. Lines are
means over pretraining seeds of the mean over probe seeds ({{ studies.probe.seeds | join(", ") }}); bands are one
standard deviation over pretraining seeds. Each probe is trained for {{ studies.probe.epochs }} epochs, and its
accuracy is that of the {{ "epoch best on validation images" if studies.probe.select == "best_val" else "last epoch" }}.
Where a few lines lie far below the others, the grey lower part of the axis is compressed; nothing is left out.
{% if trajectory %}
At the right of each panel, beyond the paper: accuracy at the *t* that validation images choose, and of a probe that
reads the codes of all *t* side by side.
{% endif %}

{% if "ae" in methods or "vae" in methods %}
AE and VAE never see a noisy image, and the *t* that they are told is random. Training teaches them to ignore it: then
their code does not depend on *t*, so their line is level, and it makes no difference at which *t* it is read.
{% endif %}
{% if "simclr" in methods %}
SimCLR and SimCLR-Gauss are told a random *t* in training.
{% endif %}
{% if "dae" in methods %}
The encoder of DAE is shown {{ "noisy images, with one draw of noise" if studies.probe.dae_input == "noisy" else
"clean images" }}.
{% endif %}
{% if "score_features" in methods %}
Score features are beyond the paper: no encoder is trained, and the code is the mean over positions of the score
network's middle block, which is shown noisy images with one draw of noise (Xiang et al. 2023).
{% endif %}
{% if item == "figure_5" %}
AE, VAE, SimCLR and SimCLR-Gauss do not use the diffusion process: their lines are those of Figure 4, the same runs.
{% endif %}
"""


def table(frame: pd.DataFrame, settings: ProbeItem) -> pd.DataFrame:
    """Return mean and deviation of the test accuracy for each dataset, recipe and t.

    If the settings' `trajectory` is true, rows with arm `chosen` (with the mean of the chosen t) and `concatenated`
    (without t) follow.
    """
    wanted = frame["labels"] == frame["dataset"].map(settings.budgets)
    rows = frame[wanted & (frame["metric"] == "test_accuracy")].fillna({"arm": ""})
    curves = over_seeds(rows[rows["arm"] == ""], AXES)
    marks = rows[rows["arm"].isin(ARMS)]
    if not settings.trajectory:
        return curves
    for recipe in curves["recipe"].unique():
        if set(marks.loc[marks["recipe"] == recipe, "arm"]) != set(ARMS):
            raise UserError(
                f"the metrics files have no probes of the whole trajectory of recipe {recipe!r}; "
                "probe it again, or set studies.probe.trajectory: false"
            )
    return pd.concat([curves, _trajectory(marks)], ignore_index=True)


def _trajectory(rows: pd.DataFrame) -> pd.DataFrame:
    """Average t as well as the accuracy, because seeds may have chosen different t."""
    axes = [axis for axis in AXES if axis != "t"]
    numbers = over_seeds(rows, axes)
    chosen = over_seeds(rows.assign(value=rows["t"]), axes)
    numbers.insert(AXES.index("t"), "t", chosen["mean"])
    return numbers


def draw(numbers: pd.DataFrame, settings: ProbeItem) -> Figure:
    """Draw one panel per dataset and one line per recipe, with a band of one deviation over pretraining seeds.

    If `table` kept probes of the whole trajectory, a strip to the right of each panel shows them. If a few lines are
    far below the others, the lower part of the axis is compressed (`broken_axis` has the rule).
    """
    recipes = settings.recipes
    with_strips = bool(numbers["arm"].isin(ARMS).any())
    figure, panels, strips = _panels(len(settings.datasets), len(recipes), with_strips)
    broken = False
    for k, (panel, (dataset, title)) in enumerate(zip(panels, settings.datasets, strict=True)):
        rows = numbers[numbers["dataset"] == dataset]
        style.curves(panel, rows[rows["arm"] == ""], "t", recipes)
        panel.set(title=f"{title}, {settings.budgets[dataset]:,} labels", xlabel="Time $t$", xlim=(-0.03, 1.03))
        if with_strips:
            _marks(strips[k], rows, recipes)
        broken |= break_axis(panel, _extents(rows))
    panels[0].set_ylabel("Test accuracy (%)")
    notes = [style.spread(numbers, shown="bands and bars" if with_strips else "bands")]
    notes += [EXPLAINED] * broken + [style.BEYOND_NOTE] * with_strips
    style.legend_below(figure, panels[0], notes, of_paper=True, changed=settings.changed)
    return figure


def _extents(rows: pd.DataFrame) -> list[Extent]:
    """Return from where to where each recipe's line, band and marks reach."""
    ends = rows.assign(low=rows["mean"] - rows["sd"], high=rows["mean"] + rows["sd"]).groupby("recipe", sort=False)
    return [Extent(float(own["low"].min()), float(own["high"].max())) for _, own in ends]


def _panels(datasets: int, recipes: int, with_strips: bool) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return the figure, its panels, and the strip beside each panel, which shares the accuracy axis."""
    # Leave room for two names, and for two marks of every recipe.
    strip = max(0.75, 0.14 * recipes) if with_strips else 0.0
    size = ((style.PANEL_WIDTH + strip) * datasets + 0.4, style.PANEL_HEIGHT + 0.4)
    if not with_strips:
        figure, axes = style.panels(1, datasets, size)
        return figure, list(axes[0]), []
    figure, axes = style.panels(1, 2 * datasets, size, width_ratios=[style.PANEL_WIDTH - 0.5, strip] * datasets)
    panels, strips = list(axes[0, ::2]), list(axes[0, 1::2])
    for panel, beside in zip(panels, strips, strict=True):
        beside.sharey(panel)
    return figure, panels, strips


def _marks(strip: Axes, rows: pd.DataFrame, recipes: Pairs) -> None:
    """Draw a mark and an error bar for each recipe and arm, recipes side by side."""
    labels = [label for _, label in recipes]
    for k, (recipe, label) in enumerate(recipes):
        offset = 0.8 * ((k + 0.5) / len(recipes) - 0.5)
        for position, arm in enumerate(ARMS):
            own = rows[(rows["recipe"] == recipe) & (rows["arm"] == arm)]
            strip.errorbar(
                np.full(len(own), position + offset),
                own["mean"],
                yerr=own["sd"],
                linestyle="none",
                elinewidth=0.8,
                capsize=1.5,
                markersize=3.5,
                **style.of(label, labels).marker_options(),
            )
    strip.axvline(0.5, color="#999999", linewidth=0.6)
    strip.set_xlim(-0.5, 1.5)
    strip.set_xticks(range(len(ARMS)), list(ARMS.values()))
    strip.grid(visible=False, axis="x")
    strip.tick_params(axis="x", length=0)
    strip.tick_params(axis="y", left=False, labelleft=False)
