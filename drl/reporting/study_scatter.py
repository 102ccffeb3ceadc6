"""The codes of one dataset's test images in two dimensions, coloured by class."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drl.config.drawings import ItemJob
from drl.markup import width
from drl.pipeline.own_study import shown
from drl.records.metrics import MEAN
from drl.reporting import style
from drl.reporting.aggregate import read_frame
from drl.reporting.pictures import Files, beside

PICTURES = (".codes.csv",)
CODES, NO_CODES = ("z_1", "z_2", "class"), "is not a file of codes; remove it and run the job that makes it"
SIDE = 2.4  # inches
COLUMNS = 3
LEAST_WIDTH = 4.6  # inches, for the legend
# Okabe and Ito's palette without its yellow, which is pale on white, and three of Tol's colours. More than ten colours
# cannot be distinguished, least of all by colour-blind readers.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#56B4E9",
    "#CC79A7",
    "#000000",
    "#DDCC77",
    "#882255",
    "#999933",
)
MARKERS = ("o", "^", "x")
OTHERS = "#CCCCCC"
CAPTION = """
The first two principal components of the codes of {{ shown }} test images, coloured by class, for each recipe's first
pretraining seed. Codes are read at the *t* that validation images chose for the probes; it stands above each panel,
and test images had no say in it. The components are of the codes alone; labels only give the colours. Silhouettes are
of the whole codes. Of more than 30 classes the ten most frequent are coloured and all others grey.
"""


class Key(NamedTuple):
    """How a class is drawn."""

    colour: str
    marker: str


def table(frame: pd.DataFrame, settings: ItemJob) -> pd.DataFrame:
    """Return the t of the scatter plot, the silhouette there and the shown variance in percent, for each first seed."""
    rows = []
    for (dataset, recipe), own in frame.groupby(["dataset", "recipe"], sort=False):
        first = own[own["seed"] == own["seed"].min()]
        shown = first[first["metric"] == "explained_variance"].iloc[0]
        silhouettes = first[first["metric"] == "silhouette"].set_index("t")["value"]
        numbers = {"seed": shown["seed"], "t": shown["t"], "n": shown["n"]}
        numbers |= {"silhouette": silhouettes[shown["t"]], "explained_variance": shown["value"]}
        rows.append({"dataset": dataset, "recipe": recipe, **numbers})
    return pd.DataFrame(rows)


def draw(numbers: pd.DataFrame, settings: ItemJob, files: Files) -> Figure:
    """Draw one panel per recipe: the codes of its first seed's model at the t chosen on validation images.

    Up to ten classes differ in colour, up to thirty in colour and marker. Of more classes, the ten most frequent are
    coloured and all others are grey.
    """
    ((dataset, _),), recipes = settings.datasets, settings.recipes
    columns = min(COLUMNS, len(recipes))
    lines = math.ceil(len(recipes) / columns)
    size = (max(SIDE * columns + 0.2, LEAST_WIDTH), (SIDE + 0.6) * lines + 0.35)
    figure, axes = style.panels(lines, columns, size)
    codes = {
        recipe: read_frame(path, CODES, NO_CODES, dict.fromkeys(CODES[:2], MEAN), dtype={"class": str}, na_filter=False)
        for recipe, path in ((recipe, beside(files[dataset, recipe], ".codes.csv")) for recipe, _ in recipes)
    }
    keys = class_keys(next(iter(codes.values()))["class"])
    about = numbers.set_index("recipe")
    for panel, (recipe, label) in zip(axes.flat, recipes, strict=False):
        _scatter(panel, codes[recipe], keys)
        own = about.loc[recipe]
        mark = f" {style.CHANGED}" if label in (settings.changed or ()) else ""
        panel.set_title(f"{label}{mark}, $t$ = {own['t']:g}\nsilhouette {own['silhouette']:z.2f}")
        panel.set_xlabel(f"two components, {own['explained_variance']:.0f} % of variance")
    for panel in list(axes.flat)[len(recipes) :]:
        panel.set_axis_off()
    _legend(figure, keys, codes[recipes[0][0]]["class"].nunique(), style.CHANGED_NOTE if settings.changed else None)
    return figure


def class_keys(classes: Sequence[str] | pd.Series[str]) -> dict[str, Key]:
    """Return how each class is drawn, from the class of each image; classes that are left out are grey."""
    counts = pd.Series(list(classes)).value_counts()
    names = sorted(counts.index, key=_natural)
    if len(names) > len(COLOURS) * len(MARKERS):
        # Order equally frequent classes by name.
        names = sorted(sorted(names, key=lambda name: (-counts[name], name))[: len(COLOURS)], key=_natural)
    return {name: Key(COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS)]) for k, name in enumerate(names)}


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sort key that puts class 2 before class 10."""
    return [(int(part), "") if part[0] in "0123456789" else (-1, part) for part in re.findall(r"[0-9]+|[^0-9]+", name)]


def _scatter(panel: Axes, codes: pd.DataFrame, keys: dict[str, Key]) -> None:
    rest = codes[~codes["class"].isin(keys)]
    panel.scatter(rest["z_1"], rest["z_2"], c=OTHERS, s=3, linewidths=0, rasterized=True)
    # Use random order, so that the last class does not cover the others. Each marker needs a separate call.
    shuffled = codes[codes["class"].isin(keys)].sample(frac=1, random_state=0)
    size = 12 if len(codes) <= 500 else 5 if len(codes) <= 2000 else 2.5
    for marker in MARKERS:
        own = shuffled[[keys[name].marker == marker for name in shuffled["class"]]]
        colours = [keys[name].colour for name in own["class"]]
        edge = 0.8 if marker == "x" else 0
        panel.scatter(
            own["z_1"], own["z_2"], c=colours, marker=marker, s=size, linewidths=edge, alpha=0.85, rasterized=True
        )
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.set_box_aspect(1)


def _legend(figure: Figure, keys: dict[str, Key], classes: int, note: str | None = None) -> None:
    handles = [_mark(key) for key in keys.values()]
    labels = [shown(name, 22) for name in keys]
    if classes > len(keys):
        handles.append(_mark(Key(OTHERS, "o")))
        labels.append(f"{classes - len(keys)} other classes")
    across, height = figure.get_size_inches()
    columns = max(1, min(len(labels), int(across / (0.42 + 0.065 * max(map(width, labels))))))
    rows = math.ceil(len(labels) / columns)
    figure.set_size_inches(across, height + style.LEGEND_ROW * (rows - 1) + style.NOTE_ROW * (note is not None))
    legend = figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=math.ceil(len(labels) / rows),
        frameon=False,
        handlelength=1.0,
        columnspacing=1.2,
        handletextpad=0.4,
        title=note,
    )
    legend.get_title().set(**style.NOTE)


def _mark(key: Key) -> Line2D:
    return Line2D([], [], color=key.colour, marker=key.marker, linestyle="none", markersize=4.5)
