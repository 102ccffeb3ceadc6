"""Drawings: figures, tables, the parts of a study of your own images, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from drl.config.drawings import ClaimsJob, CompareJob, ItemJob, parse_item
from drl.config.items import item_kind
from drl.config.layers import FOLDER
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError
from drl.files import sha256
from drl.markup import figure, line
from drl.pipeline import disk, work
from drl.pipeline.changed import differs
from drl.pipeline.checks import item_fits, own_study_fits
from drl.pipeline.items import claimed, items_of_kind, known_item, study_of
from drl.pipeline.label_budgets import budgets, few_shot_labels
from drl.pipeline.own_study import PARTS, part_files, shown
from drl.pipeline.step import Axes, Inputs, ResultFile, Step
from drl.pipeline.studies.training import dataset_known

PAPER_VALUES = FOLDER / "paper_values.csv"
# Modules of drl/reporting that mark recipes with changed settings; all parts of a study do, too.
MARKING = ("probe_curves", "few_shot_curves", "silhouette_curves")


def _item(config: Config, item: str) -> ItemJob:
    """Return an item's names and numbers in the order of panels and lines."""
    about, study = known_item(config, item), study_of(config, item)
    if config.dataset is not None:
        item_fits(config, item, study)
    written = line if item_kind(item) == "table" else figure
    settings: dict[str, Any] = {
        "study": about.study,
        "drawn_by": about.drawn_by,
        "scale": config.scale,
        "datasets": [(name, written(config.datasets[name].title)) for name in config.item_datasets(item)],
        "recipes": [
            (name, written(_legend_name(config, config.members(recipe)[0])))
            for recipe in about.recipes
            # Figure 7 shows every member of a sweep; other figures show one of them, or all in one line.
            for name in (config.members(recipe) if study.name == "one_code" else [recipe])
        ],
    }
    if about.drawn_by in MARKING:
        settings["changed"] = _changed(config, settings)
    _check_labels(item, {name: _legend_name(config, config.members(name)[0]) for name in about.recipes})
    if item_kind(item) == "table":
        settings["published"] = sha256(PAPER_VALUES)
    return parse_item(settings | study.item_settings(config, item))


def _changed(config: Config, settings: Mapping[str, Any]) -> list[str] | None:
    """Return the legend names of recipes whose settings differ from those of the project; None if there are none."""
    datasets = [name for name, _ in settings["datasets"]]
    found = [
        label
        for recipe, label in settings["recipes"]
        if any(differs(config, one, datasets) for one in ([recipe] if "-" in recipe else config.members(recipe)))
    ]
    return found or None


def _check_labels(item: str, labels: Mapping[str, str]) -> None:
    """Refuse two lines of one name: a recipe inherits the label, too."""
    known: dict[str, str] = {}
    for name, label in labels.items():
        if label in known:
            both = f"the recipes {known[label]!r} and {name!r} have the same label {label!r}"
            raise UserError(f"items.{item}: {both}; give one of them a label of its own")
        known[label] = name


def _legend_name(config: Config, recipe: str, dataset: str | None = None) -> str:
    return resolve_recipe(config, recipe, dataset).label.strip() or recipe


def _item_inputs(config: Config, axes: Axes) -> Inputs:
    item = str(axes["item"])
    study = study_of(config, item)
    pictures = [job.file(name) for job in study.jobs_of_item(config, item) for name in study.pictures]
    return {"metrics": study.files_of_item(config, item), "pictures": pictures}


def _drawn_by(settings: ItemJob) -> tuple[str, ...]:
    return (f"drl.reporting.{settings.drawn_by}",)


# The fields that figures, tables and the parts of a study have in common.
_Drawing = partial(Step, parse=parse_item, modules=_drawn_by, minutes="draw", gpu=False, work=work.draw, disk=disk.draw)
FIGURE = _Drawing(
    name="figure",
    help="Draw a figure (4, figure_4 or code_usage) from its metrics files (default: those of its item).",
    module="drl.reporting.figure",
    axes=("item",),
    settings=_item,
    output="figures/{item}.svg",
    beside=(".png", ".csv"),
    drawn_from=_item_inputs,
)
TABLE = _Drawing(
    name="table",
    help="Make a table (6 or table_6) from its metrics files (default: those of its item).",
    module="drl.reporting.table",
    axes=("item",),
    settings=_item,
    output="tables/{item}.csv",
    beside=(".md", ".tex"),
    drawn_from=_item_inputs,
)


def item_step(config: Config, item: str) -> Step:
    """Return the step that draws an item."""
    known_item(config, item)
    return TABLE if item_kind(item) == "table" else FIGURE


def _part(part: str, config: Config, dataset: str) -> ItemJob:
    """Return a part's names in the order of lines, panels or rows.

    Raises:
        UserError: If the dataset is unknown, or not suitable for a study.
    """
    own_study_fits(config, dataset_known(config, dataset))
    about, title = PARTS[part], config.datasets[dataset].title
    study, written = about.measured_by[0], line if about.kind == "table" else figure
    settings: dict[str, Any] = {
        "study": study.name,
        "drawn_by": about.drawn_by,
        "scale": config.scale,
        "datasets": [(dataset, shown(title) if about.kind == "figure" else title)],
        "recipes": [(name, written(_legend_name(config, name, dataset))) for name in config.studies.study.recipes],
    }
    settings["changed"] = _changed(config, settings)
    if part == "probe_curve":
        settings |= {"budgets": {dataset: budgets(config, dataset)[-1]}, "trajectory": True}
    if part == "few_shot":
        settings |= {"labels": few_shot_labels(config, dataset), "t": config.studies.few_shot.t}
    return parse_item(settings)


STUDY_PARTS = tuple(
    _Drawing(
        name=f"study_{name}",
        called=f"study {name}",
        help=f"Draw a part of the study of one dataset: {part.shows}.",
        module=f"drl.reporting.{part.kind}",
        axes=("dataset",),
        settings=partial(_part, name),
        output=f"study/{{dataset}}/{name}{part.suffixes[0]}",
        beside=part.suffixes[1:],
        drawn_from=partial(part_files, name),
    )
    for name, part in PARTS.items()
)


def _compare(config: Config) -> CompareJob:
    return CompareJob(
        scale=config.scale,
        datasets={item: config.item_datasets(item) for item in items_of_kind(config, "table")},
        extractor=config.studies.fid.extractor,
        images=config.studies.later_start.images,
        published=sha256(PAPER_VALUES),
        **dict(config.verdict),
    )


def _compare_inputs(config: Config, axes: Axes) -> Inputs:
    return {"tables": [TABLE.at(item=item).file() for item in items_of_kind(config, "table")]}


def _claims(config: Config) -> ClaimsJob:
    items: dict[str, Any] = {}
    for item in claimed(config):
        try:
            items[item] = _item(config, item).choosing()
        except UserError:
            if config.dataset is None:
                raise
            # The item cannot be made from the one dataset that was requested.
    return ClaimsJob(scale=config.scale, confidence=config.verdict.confidence, items=items)


def _claims_inputs(config: Config, axes: Axes) -> Inputs:
    files: dict[ResultFile, None] = {}
    for item in claimed(config):
        files |= dict.fromkeys(study_of(config, item).files_of_item(config, item))
    return {"metrics": list(files)}


COMPARE = Step(
    name="compare",
    help="Compare every number of the paper's tables with ours.",
    module="drl.verdict.comparison",
    axes=(),
    settings=_compare,
    output="comparison.csv",
    drawn_from=_compare_inputs,
    minutes="draw",
    gpu=False,
)
CLAIMS = Step(
    name="claims",
    help="Decide the paper's claims from metrics files (default: all that exist).",
    module="drl.verdict.ledger",
    axes=(),
    settings=_claims,
    output="claims.csv",
    beside=(".md",),
    drawn_from=_claims_inputs,
    minutes="draw",
    gpu=False,
)
DRAWINGS = (FIGURE, TABLE, *STUDY_PARTS, COMPARE, CLAIMS)
