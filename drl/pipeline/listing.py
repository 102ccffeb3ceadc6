"""The names that commands take, with one line about each: items, recipes, datasets, arms, studies, scales."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from drl.config.datasets import DatasetSettings
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.pipeline.drawing import item_step
from drl.pipeline.items import measurements
from drl.pipeline.studies import STUDIES

Rows = list[dict[str, Any]]
SCALES = {
    "demo": "toy budgets: shows that everything works, in minutes",
    "lite": "small real images and small networks: claims begin to show, in hours or days",
    "paper": "the paper's protocol, for GPUs",
}


def items(config: Config) -> Rows:
    """Return the figures and tables: what each shows, where the paper has it, and its command."""
    return [
        {
            "name": name,
            "shows": about.shows,
            "section": about.section,
            "command": f"snakemake {name}",
            "drawn_by": f"drl {item_step(config, name).command} {name}",
            "measurements": len(measurements(config, name)),
        }
        for name, about in config.items.items()
    ]


def recipes(config: Config) -> Rows:
    """Return the training set-ups: their label, method, objective, and the items that show them."""
    rows = []
    for name in config.recipes:
        members = config.members(name)
        found = resolve_recipe(config, members[0])
        rows.append(
            {
                "name": name,
                "label": found.label,
                "method": found.method.kind,
                "trains": found.method.goal,
                "members": list(members) if members != (name,) else [],
                "items": _naming(config, "recipes", name),
            }
        )
    return rows


def datasets(config: Config) -> Rows:
    """Return the datasets: their sizes, and the items that are drawn from them at this scale."""
    return [
        {
            "name": name,
            "title": about.title,
            "images": _images(about),
            "source": about.source,
            "items": [item for item in config.items if name in config.item_datasets(item)],
        }
        for name, about in config.datasets.items()
    ]


def _images(about: DatasetSettings) -> str:
    size, colour = f"{about.image_size}x{about.image_size} pixels", "grey" if about.channels == 1 else "colour"
    return f"{about.train:,} training and {about.test:,} test images, {size}, {colour}, {about.classes} classes"


def arms(config: Config) -> Rows:
    """Return the ways to fine-tune: the encoder that each starts from, and the items that show it."""
    return [
        {
            "name": name,
            "label": about.label,
            "starts_from": "fresh weights" if about.model is None else f"the encoder of {about.model}",
            "items": _naming(config, "arms", name),
        }
        for name, about in config.arms.items()
    ]


def studies(config: Config) -> Rows:
    """Return the measurements: what each does, its command, and the items that are drawn from it."""
    return [
        {
            "name": name,
            "does": step.help,
            "command": f"drl {step.command}",
            "items": [item for item, about in config.items.items() if about.study == name],
        }
        for name, step in STUDIES.items()
    ]


def scales(config: Config) -> Rows:
    """Return the amounts of compute."""
    return [{"name": name, "is": text} for name, text in SCALES.items()]


LISTS: Mapping[str, Callable[[Config], Rows]] = {
    found.__name__: found for found in (items, recipes, datasets, arms, studies, scales)
}
# What a table shows of each row; programs get everything.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "items": ("name", "shows", "section"),
    "recipes": ("name", "label", "trains"),
    "datasets": ("name", "title", "images"),
    "arms": ("name", "label", "starts_from"),
    "studies": ("name", "does", "command"),
    "scales": ("name", "is"),
}


def cells(what: str, rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return the rows of a table."""
    return [[str(row[name]) for name in SHOWN[what]] for row in rows]


def _naming(config: Config, axis: str, name: str) -> list[str]:
    return [item for item, about in config.items.items() if name in getattr(about, axis)]
