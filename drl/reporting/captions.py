"""What the report says below each picture and table: what is shown, and how it was made, in reStructuredText.

Each module that draws has a constant CAPTION, a Jinja template, in which `studies` is that section of the
configuration. Facts that need more than a look into the configuration come from the functions in FACTS.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from jinja2 import Environment, StrictUndefined

from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.markup import rst, rst_code
from drl.pipeline.own_study import PARTS

FIXED = {
    "compare": """
Every number that the paper prints in Tables 1 to 6, and ours beside it: mean, deviation, number of runs, difference,
and whether they agree within a tolerance (``verdict`` in the configuration). Numbers from other data, networks or
training lengths are not compared; the last column says why.
""",
    "claims": """
Each checkable sentence of the paper, the number that decides it, its confidence interval over seeds, and the verdict. A
claim has one row for each comparison that it consists of. The page claims.md beside it says the same in words.
""",
}
REMARKS = {
    "demo": "**Machinery check, not evidence**: tiny networks and a few dozen steps. These numbers say nothing about "
    "the methods or about the paper's claims.",
    "lite": "Small networks and short trainings: orderings and shapes can show; numbers at paper scale are different.",
    "paper": "",
}
# An undefined name is an error: Snakemake itself would leave a blank, which nobody would notice.
JINJA = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)


def fixed_caption(name: str) -> str:
    """Return the caption of what `drl compare` or `drl claims` writes, which does not depend on the configuration."""
    return FIXED[name].strip()


def caption(config: Config, item: str, remark: bool = True) -> str:
    """Return the caption of an item.

    Args:
        config: The configuration.
        item: Its name.
        remark: Whether to end with what the scale means.

    Raises:
        jinja2.UndefinedError: If the template names something that there is not.
    """
    about, made = config.items[item], facts(config, item)
    where = about.section if about.section.startswith(("App.", "beyond")) else f"section {about.section}"
    where = where if where.startswith("beyond") else f"paper {where}"
    head = f"**{item.replace('_', ' ').capitalize()}** ({rst(where)}): {rst(about.shows)}."
    text = _joined(config, about.drawn_by, head, made)
    return text if remark else text.rstrip().removesuffix(REMARKS[config.scale])


def facts(config: Config, item: str) -> dict[str, Any]:
    """Return what an item's caption says of how it was made, besides what stands in the configuration."""
    axes = config.items[item]
    common = {
        "item": item,
        "datasets": ", ".join(config.item_datasets(item)),
        "recipes": ", ".join(axes.recipes),
        "arms": ", ".join(axes.arms),
        "seeds": _listed(config.item_seeds(item)),
    }
    special = FACTS.get(axes.study)
    return common | (special(config, item) if special else {})


def study_caption(config: Config, dataset: str, part: str) -> str:
    """Return the caption of a part of a study of one's own images.

    Args:
        config: The configuration.
        dataset: Name of the dataset.
        part: Name of the part.
    """
    images, recipes = config.datasets[dataset], config.studies.study.recipes
    title = rst(images.title)
    folder = f" (folder {rst_code(images.folder)})" if images.contents and images.folder else ""
    colours = "grey" if images.channels == 1 else "colour"
    made = {
        "item": part,
        "datasets": f"*{title}*{folder}: {images.train} images for training, {images.test} for testing, "
        f"{images.classes} classes, {images.image_size}x{images.image_size} pixels, {colours}",
        "recipes": ", ".join(recipes),
        "seeds": _listed(config.seeds),
        "shown": min(images.test, config.studies.study.test_images),
        **_of_probes(config, recipes, dataset, trajectory=True),
    }
    head = f"**{part.replace('_', ' ').capitalize()}** of *{title}*: {PARTS[part].shows}."
    return _joined(config, PARTS[part].drawn_by, head, made)


def _joined(config: Config, module: str, head: str, made: Mapping[str, Any]) -> str:
    template: str = importlib.import_module(f"drl.reporting.{module}").CAPTION
    text = JINJA.from_string(template).render(studies=config.studies, scale=config.scale, **made)
    axes = ["datasets", "recipes", "arms", "labels", "seeds", "splits"]
    how = [f"Scale *{config.scale}*", *(f"{name} {made[name]}" for name in axes if made.get(name))]
    return f"{head} {text.strip()}\n\n{'; '.join(how)}.\n\n{REMARKS[config.scale]}\n"


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


def _probe(config: Config, item: str) -> dict[str, Any]:
    shown = config.studies.probe.trajectory and config.items[item].trajectory
    return _of_probes(config, config.item_models(item), None, trajectory=shown)


def _of_probes(config: Config, recipes: Iterable[str], dataset: str | None, trajectory: bool) -> dict[str, Any]:
    """Return whether the whole trajectory is shown, and the kinds of methods that are."""
    methods = {resolve_recipe(config, recipe, dataset).method.kind for recipe in recipes}
    return {"trajectory": trajectory, "methods": methods}


def _few_shot(config: Config, item: str) -> dict[str, Any]:
    """Return the recipes of which validation images choose one member of a sweep."""
    return {"swept": ", ".join(name for name in config.items[item].recipes if len(config.members(name)) > 1)}


def _fine_tune(config: Config, item: str) -> dict[str, Any]:
    """Return numbers of labels, splits, where runs are read, and what the arms differ in."""
    study, table = config.studies.fine_tune, config.items[item].table
    arms = [config.arms[name] for name in config.items[item].arms]
    labels = {name: config.item_labels(item, name) for name in config.item_datasets(item)}
    splits = {split for seed in config.item_seeds(item) for split in config.splits(seed)}
    early = table is not None and table.early
    epoch = f"outer epoch {study.early_epoch}"
    if study.select == "best_val":
        reading = "after the outer epoch that is best on validation images" + (f", up to {epoch}," if early else "")
    else:
        reading = f"after {epoch}" if early else "after the last outer epoch"
    return {
        "labels": "; ".join(f"{name} {_listed(budgets)}" for name, budgets in labels.items()),
        "splits": _listed(sorted(splits)),
        "reading": reading,
        "early": early,
        "difference": table is not None and table.difference,
        "baseline": any(arm.model is None for arm in arms),
        "mixup": any(arm.mixup for arm in arms),
        "searches": any(arm.t_init == "search" for arm in arms),
        "beyond": bool(config.item_beyond(item)),
    }


def _theory(config: Config, item: str) -> dict[str, Any]:
    """Return the size of the mixture."""
    mixture = config.studies.theory.mixture
    points = [plane.points for plane in mixture.planes]
    return {"dimensions": 2 * len(points), "components": prod(points), "classes": points[mixture.label_plane]}


# What captions say of an item, by its study; nothing more where a study is not listed.
FACTS: Mapping[str, Callable[[Config, str], dict[str, Any]]] = {
    "probe": _probe,
    "few_shot": _few_shot,
    "fine_tune": _fine_tune,
    "theory": _theory,
}
