"""A study: a step whose numbers figures and tables are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from drl.config.recipes import Recipe
from drl.config.schema import Config
from drl.config.studies import Studies
from drl.pipeline.step import PlannedJob, ResultFile, Step


@dataclass(frozen=True, eq=False, kw_only=True)
class Study(Step):
    """One measurement protocol.

    Attributes:
        sections: The sections of `studies` in the configuration that decide its numbers. Default: the section with its
            name, if there is one.
        item_settings: Takes the configuration and an item, returns the item's settings other than names.
        item_axes: Takes the configuration and an item, returns the axes of each of its jobs. Default: the item's
            datasets, recipes and seeds, if they are axes of the study.
        shown: The output that items read; empty for the first one.
        pictures: Outputs that items show beside their numbers.
        refuses: Takes a recipe, returns why this study cannot measure its models; None if it can.
        check_dataset: Takes the configuration, an item and a dataset; raises UserError if they do not fit.
        chooses: Whether its items take whole sweeps: they show all members, or choose one on validation images.
        claimed: Whether claims rest on it.
    """

    sections: tuple[str, ...] = ()
    item_settings: Callable[[Config, str], dict[str, Any]] = lambda config, item: {}
    item_axes: Callable[[Config, str], Iterator[dict[str, str | int]]] | None = None
    shown: str = ""
    pictures: tuple[str, ...] = ()
    refuses: Callable[[Recipe], str | None] = lambda recipe: None
    check_dataset: Callable[[Config, str, str], None] = lambda config, item, dataset: None
    chooses: bool = False
    claimed: bool = True

    def __post_init__(self) -> None:
        """Fill in the fields that follow from the name."""
        super().__post_init__()
        if not self.sections and self.name in Studies.model_fields:
            self._set("sections", (self.name,))

    def jobs_of_item(self, config: Config, item: str) -> tuple[PlannedJob, ...]:
        """Return the jobs that an item is drawn from, in the order of datasets, recipes, seeds."""
        axes = self._axes(config, item) if self.item_axes is None else self.item_axes(config, item)
        return tuple(dict.fromkeys(self.at(**values) for values in axes))

    def files_of_item(self, config: Config, item: str) -> tuple[ResultFile, ...]:
        """Return the CSV files that an item is drawn from."""
        return tuple(job.file(self.shown) for job in self.jobs_of_item(config, item))

    def _axes(self, config: Config, item: str) -> Iterator[dict[str, str | int]]:
        values: dict[str, tuple[str | int, ...]] = {
            "dataset": config.item_datasets(item),
            "recipe": config.item_models(item),
            "seed": config.item_seeds(item),
        }
        known = [name for name in values if name in self.axes]
        for combination in product(*(values[name] for name in known)):
            yield dict(zip(known, combination, strict=True))
