"""Reading and checking the whole configuration, the first step of every command and the Snakefile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drl.config.layers import Layer, layers, merged, own_layers
from drl.config.resolve import recipe, validated
from drl.config.schema import Config
from drl.errors import UserError
from drl.pipeline.checks import check
from drl.pipeline.own_images import is_folder, note_shadowed, with_folder
from drl.pipeline.studies import STUDIES

MOST_PAIRS = 10_000  # of a recipe and a dataset
MOST_RUNS = 10_000  # of one item


def resolve(scale: str | None = None, files: Sequence[Path] = (), sets: Sequence[str] = ()) -> Config:
    """Read config/, the scale's file, the user's own files and `a.b=v` words, and check the result.

    Args:
        scale: demo, lite or paper; None: the scale in the files.
        files: The user's own YAML files; later files override earlier ones.
        sets: Single settings, such as `studies.probe.epochs=5`.

    Raises:
        UserError: One line that names the key, what was wrong and the nearest valid name.
    """
    return load(merged(layers(own_layers(scale, files, sets))))


def resolve_over(own: Mapping[str, Any]) -> Config:
    """Read config/ and the scale's file, override them with the user's settings for Snakemake, and check the result.

    Args:
        own: The user's --configfile, overridden by --config, as Snakemake merges them.

    Raises:
        UserError: As `resolve`.
    """
    return load(merged(layers([Layer("--configfile", own)])))


def load(raw: Mapping[str, Any]) -> Config:
    """Check a merged mapping with all its recipes; if `dataset` names a folder, add it to the datasets.

    Args:
        raw: All layers of the configuration, merged.

    Raises:
        UserError: As `resolve`.
    """
    config = validated(Config, dict(raw), "config")
    assert isinstance(config, Config)
    if config.dataset is not None:
        note_shadowed(config.dataset, config.datasets)
        if is_folder(config.dataset, config.datasets):
            config, name = with_folder(config, config.dataset)
            config = config.model_copy(update={"dataset": name})
    _bounded(config)
    for name in config.recipes:
        for member in config.members(name):
            for dataset in (None, *config.datasets):
                recipe(config, member, dataset)
    check(config, STUDIES)
    return config


def _bounded(config: Config) -> None:
    """Refuse more recipes and datasets than can be checked in a moment: each recipe is, for each dataset."""
    recipes = sum(len(config.members(name)) for name in config.recipes)
    if recipes * (len(config.datasets) + 1) > MOST_PAIRS:
        raise UserError(
            f"config: recipes: {recipes:,} recipes, with the members of sweeps, for {len(config.datasets):,} datasets "
            "are too many; split them into several files"
        )
    for item in config.items:
        runs = _runs(config, item)
        if runs > MOST_RUNS:
            raise UserError(
                f"config: items.{item}: {runs:,} runs are too many; give fewer seeds, labels, splits or arms"
            )


def _runs(config: Config, item: str) -> int:
    """Return at most how many jobs measure an item."""
    about, datasets, seeds = config.items[item], config.item_datasets(item), len(config.item_seeds(item))
    if not about.arms:
        models = sum(len(config.members(name)) for name in about.recipes if name in config.recipes)
        return seeds * len(datasets) * models
    labels = {**config.studies.fine_tune.labels, **(about.labels or {})}
    budgets = sum(len(labels.get(dataset, (0,))) for dataset in datasets)
    return seeds * len(config.splits(0)) * budgets * len(about.arms) + len(about.beyond)


def origins(config: Config) -> dict[str, dict[str, Any]]:
    """Return each dataset's folder, and whether it may be downloaded; these are not part of a job's settings."""
    return {name: {"folder": known.folder, "download": known.download} for name, known in config.datasets.items()}
