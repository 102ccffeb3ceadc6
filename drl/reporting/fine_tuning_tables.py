"""Tables 1 to 5: test accuracy after fine-tuning with LaplaceNet, with and without pretraining."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from drl.config.drawings import FineTuningItem, Reading
from drl.errors import UserError
from drl.reporting.fine_tuning_paper import published
from drl.reporting.fine_tuning_runs import (
    Cell,
    Setting,
    beyond_cell,
    cells_of,
    differences,
    iterate,
    pretrained,
    read_runs,
    settings_of,
    summarise,
)
from drl.reporting.table import Sheet, demo_remark

TIE = 1e-9  # percentage points; a smaller difference of two means is a rounding error
CAPTION = """
Test accuracy {{ reading }} of classifiers that LaplaceNet fine-tunes with few labels; no epoch is ever chosen on test
images.
{% if early %}
The reading is early, while the learning rate is still high: it shows what limited computation gives.
{% endif %}
Means and deviations are over runs, which are pairs of a seed and a split. Tables that show the same arm with the same
labels show the same runs.
{% if difference %}
The improvement is that over no pretraining, between runs of the same seed and split.
{% endif %}
{% if baseline %}
Bold: a pretrained encoder whose mean is above that of every arm without pretraining in the same setting.
{% endif %}
{% if scale == "paper" %}
Rows marked (paper): the published numbers, each of one run on one split.
{% endif %}

{% if searches %}
*t-search* begins at the *t* with the lowest loss on the labelled images. These losses are equal but for rounding,
since batch normalisation takes out what a *t* common to the batch adds.
{% endif %}
{% if mixup %}
Mixup is on in all semi-supervised epochs, as in the authors' code, unless mixup_semi says otherwise; an arm's mixup
concerns the supervised epochs alone.
{% endif %}
{% if beyond %}
A row under the table is beyond the paper: its encoder was pretrained as the authors' code does it, on listed images
alone (there 4,000) with weak augmentation.
{% endif %}
"""


def table(frame: pd.DataFrame, settings: FineTuningItem) -> pd.DataFrame:
    """Return mean and deviation of the test accuracy of each arm in each setting, and of the paired differences.

    Returns:
        scale, dataset, labels, arm, metric (`accuracy`, percent; `difference` to the arm without pretraining,
        percentage points), mean, sd (ddof 1; 0 for one run), n (runs: pairs of seed and split), epoch (outer epochs
        before the accuracy was read; a mean if runs differ) and published (the paper's number if dataset and scale are
        the paper's).

    Raises:
        UserError: If runs are missing, end too early, or have no validation accuracy to choose by.
    """
    runs = read_runs(frame, settings)
    parts = [summarise(runs, "accuracy")]
    if settings.difference:
        parts.append(summarise(differences(runs, settings), "difference"))
    numbers = pd.concat(parts, ignore_index=True)
    numbers.insert(0, "scale", settings.scale)
    compared = settings.scale == "paper" and settings.published is not None
    printed = [published(settings.number, metric, *cell) if compared else None for metric, cell, _ in iterate(numbers)]
    return numbers.assign(published=pd.Series(printed, dtype="float64"))


def sheet(numbers: pd.DataFrame, settings: FineTuningItem) -> Sheet:
    """Return the table in the paper's layout, with the published numbers in separate rows below ours.

    `layout` is `settings_down` (one row per setting, one column per arm) or `arms_down` (the other way round, always
    without differences); `difference` adds columns; each entry of `beyond` is a row below the table.

    Raises:
        UserError: If there is no column for a row beyond the paper.
    """
    cells = _Cells(numbers, settings)
    down = settings.layout == "settings_down"
    header, lines = _settings_down(settings) if down else _arms_down(settings)
    rows = []
    for head, keys in lines:
        rows.append([*head, *(cells.measured(*key) for key in keys)])
        printed = [cells.published(*key) for key in keys]
        if any(printed):
            rows.append([f"{head[0]} (paper)", *head[1:], *printed])
    titles, gains = dict(settings.datasets), len(_gain_header(settings)) if down else 0
    columns = [arm.name for arm in settings.arms] if down else [_named(setting) for setting in settings_of(settings)]
    for row in settings.beyond:
        cell, name = beyond_cell(row), f"{row.label} (beyond the paper)"
        head = [f"{titles.get(row.dataset, row.dataset)}, {name}", str(row.labels)] if down else [name]
        place = row.in_place_of if down else _named(cell.setting)
        rows.append([*head, *_placed(cells.measured("accuracy", cell), place, columns, settings), *[""] * gains])
    return Sheet(_caption(numbers, settings), header, rows)


class _Cells:
    """The cells of a table as text."""

    def __init__(self, numbers: pd.DataFrame, settings: FineTuningItem) -> None:
        self._rows = {(metric, cell): row for metric, cell, row in iterate(numbers)}
        self._baselines = [arm.name for arm in settings.arms if arm.baseline]

    def measured(self, metric: str, cell: Cell) -> str:
        """Return mean and deviation; an accuracy is bold if it beats all arms without pretraining in its setting."""
        row = self._rows[metric, cell]
        text = _number(metric, row.mean) + ("" if row.n == 1 else f" ± {row.sd:.2f}")
        rivals = [("accuracy", Cell(arm, cell.setting)) for arm in self._baselines]
        # A setting beyond the paper may not have been run without pretraining.
        to_beat = [self._rows[rival].mean for rival in rivals if rival in self._rows]
        wins = metric == "accuracy" and to_beat and row.mean > max(to_beat) + TIE
        return f"**{text}**" if wins else text

    def published(self, metric: str, cell: Cell) -> str:
        """Return the paper's number; empty if it has none."""
        value = float(self._rows[metric, cell].published)
        return "" if math.isnan(value) else _number(metric, value)


def _number(metric: str, value: float) -> str:
    """Return an accuracy, or a difference with its sign."""
    return f"{value:+z.2f}".replace("-", "−") if metric == "difference" else f"{value:.2f}"


# The first cells of a row as text, and metric and cell of each of its numbers.
Line = tuple[list[str], list[tuple[str, Cell]]]


def _settings_down(settings: FineTuningItem) -> tuple[list[str], list[Line]]:
    titles = dict(settings.datasets)
    header = ["Dataset", "Labels", *(arm.label for arm in settings.arms), *_gain_header(settings)]
    columns = [("accuracy", arm.name) for arm in settings.arms]
    if settings.difference:
        columns += [("difference", arm) for arm in pretrained(settings)]
    lines = [
        ([titles[place.dataset], str(place.labels)], [(metric, Cell(arm, place)) for metric, arm in columns])
        for place in settings_of(settings)
    ]
    return header, lines


def _arms_down(settings: FineTuningItem) -> tuple[list[str], list[Line]]:
    places, titles = settings_of(settings), dict(settings.datasets)
    header = ["Pretraining", *(f"{titles[dataset]}, {labels} labels" for dataset, labels in places)]
    return header, [([arm.label], [("accuracy", Cell(arm.name, place)) for place in places]) for arm in settings.arms]


def _named(setting: Setting) -> str:
    return f"{setting.dataset} with {setting.labels} labels"


def _placed(text: str, column: str, columns: list[str], settings: FineTuningItem) -> list[str]:
    """Return a row that is empty except for one column."""
    if column not in columns:
        raise UserError(
            f"table_{settings.number}: a row beyond the paper belongs to column {column}, which this table does not "
            "have; remove the row, or add the column"
        )
    return [text if other == column else "" for other in columns]


def _gain_header(settings: FineTuningItem) -> list[str]:
    if not settings.difference:
        return []
    labels = list(pretrained(settings).values())
    return ["Improvement"] if len(labels) == 1 else [f"Improvement, {label}" for label in labels]


def _caption(numbers: pd.DataFrame, settings: FineTuningItem) -> str:
    parts = [f"Test accuracy (%) of classifiers fine-tuned with LaplaceNet, {_read_at(settings.reading)}"]
    runs = int(numbers["n"].max())
    who = f"{_listed('seed', settings.seeds)}, {_listed('split', settings.splits)}"
    parts.append(f"mean ± deviation over {runs} runs ({who})" if runs > 1 else f"one run ({who})")
    sentences = ["; ".join(parts)]
    baselines = [arm for arm in settings.arms if arm.baseline]
    if baselines and len(cells_of(settings)) > len(baselines) * len(settings_of(settings)):
        sentences.append("Bold: a pretrained encoder whose mean is above that of every arm without pretraining")
    if settings.difference:
        gain = "Improvement: with pretraining less without, in percentage points"
        sentences.append(gain + (", between runs of the same seed and split" if runs > 1 else ""))
    if numbers["published"].notna().any():
        sentences.append("Rows marked (paper): the published numbers")
    return f"{'. '.join(sentences)}.{demo_remark(settings) or f' Scale: {settings.scale}.'}"


def _read_at(reading: Reading) -> str:
    epoch = reading.epoch
    if reading.select == "best_val":
        return "at the outer epoch with the best validation accuracy" + ("" if epoch is None else f" up to {epoch}")
    return "at the end of training" if epoch is None else f"after outer epoch {epoch}"


def _listed(what: str, numbers: Sequence[int]) -> str:
    return f"{what}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
