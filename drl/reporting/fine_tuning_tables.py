"""Tables 1 to 5: test accuracy after fine-tuning with LaplaceNet, with and without pretraining."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from drl.config.drawings import BeyondRow, FineTuningItem, Reading
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

    Args:
        frame: Rows of the study `fine_tune`.
        settings: Which arms, datasets and numbers of labels, and how runs are read.

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

    Args:
        numbers: Result of `table`.
        settings: `layout` is `settings_down` (one row per setting, one column per arm) or `arms_down` (the other way
            round); `difference` adds columns; each entry of `beyond` is a row below the table.

    Raises:
        UserError: If there is no column for a row beyond the paper.
    """
    cells = _Cells(numbers, settings)
    down = settings.layout == "settings_down"
    header, rows = _settings_down(cells, settings) if down else _arms_down(cells, settings)
    return Sheet(_caption(numbers, settings), header, rows)


class _Cells:
    """The cells of a table as text."""

    def __init__(self, numbers: pd.DataFrame, settings: FineTuningItem) -> None:
        self._rows = {(metric, cell): row for metric, cell, row in iterate(numbers)}
        self._baselines = [arm.name for arm in settings.arms if arm.baseline]

    def accuracy(self, cell: Cell) -> str:
        """Return mean and deviation; bold if an arm with pretraining beats all arms without in its setting."""
        row = self._rows["accuracy", cell]
        text = f"{row.mean:.2f}" if row.n == 1 else f"{row.mean:.2f} ± {row.sd:.2f}"
        rivals = [Cell(arm, cell.setting) for arm in self._baselines]
        # A setting beyond the paper may not have been run without pretraining.
        to_beat = [self._rows["accuracy", rival].mean for rival in rivals if ("accuracy", rival) in self._rows]
        wins = to_beat and row.mean > max(to_beat) + TIE
        return f"**{text}**" if wins else text

    def difference(self, cell: Cell) -> str:
        """Return mean and deviation with a sign."""
        row = self._rows["difference", cell]
        return _signed(row.mean) if row.n == 1 else f"{_signed(row.mean)} ± {row.sd:.2f}"

    def published(self, metric: str, cell: Cell) -> str:
        """Return the paper's number; empty if it has none."""
        value = float(self._rows[metric, cell].published)
        if math.isnan(value):
            return ""
        return _signed(value) if metric == "difference" else f"{value:.2f}"


def _signed(value: float) -> str:
    return f"{value:+z.2f}".replace("-", "−")


def _settings_down(cells: _Cells, settings: FineTuningItem) -> tuple[list[str], list[list[str]]]:
    arms = [arm.name for arm in settings.arms]
    gains = list(pretrained(settings)) if settings.difference else []
    titles = dict(settings.datasets)
    header = ["Dataset", "Labels", *(arm.label for arm in settings.arms), *_gain_header(settings)]
    rows = []
    for setting in settings_of(settings):
        title, labels = titles[setting.dataset], str(setting.labels)
        own = [cells.accuracy(Cell(arm, setting)) for arm in arms]
        rows.append([title, labels, *own, *(cells.difference(Cell(arm, setting)) for arm in gains)])
        printed = [cells.published("accuracy", Cell(arm, setting)) for arm in arms]
        printed += [cells.published("difference", Cell(arm, setting)) for arm in gains]
        if any(printed):
            rows.append([f"{title} (paper)", labels, *printed])
    for row in settings.beyond:
        place = _placed(cells.accuracy(beyond_cell(row)), row.in_place_of, arms, settings)
        title = titles.get(row.dataset, row.dataset)
        rows.append([f"{title}, {_beyond(row)}", str(row.labels), *place, *[""] * len(gains)])
    return header, rows


def _arms_down(cells: _Cells, settings: FineTuningItem) -> tuple[list[str], list[list[str]]]:
    places, titles = settings_of(settings), dict(settings.datasets)
    header = ["Pretraining", *(f"{titles[dataset]}, {labels} labels" for dataset, labels in places)]
    rows = []
    for arm in settings.arms:
        rows.append([arm.label, *(cells.accuracy(Cell(arm.name, setting)) for setting in places)])
        printed = [cells.published("accuracy", Cell(arm.name, setting)) for setting in places]
        if any(printed):
            rows.append([f"{arm.label} (paper)", *printed])
    for row in settings.beyond:
        cell = beyond_cell(row)
        columns = [_named(setting) for setting in places]
        rows.append([_beyond(row), *_placed(cells.accuracy(cell), _named(cell.setting), columns, settings)])
    return header, rows


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


def _beyond(row: BeyondRow) -> str:
    return f"{row.label} (beyond the paper)"


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
