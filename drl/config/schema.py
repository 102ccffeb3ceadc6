"""The whole configuration as one model: the one truth about what may be set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from drl.config.base import Settings
from drl.config.datasets import DatasetSettings
from drl.config.studies import Seed, Studies

Scale = Literal["demo", "lite", "paper"]
SCALES: tuple[Scale, ...] = ("demo", "lite", "paper")


def _count_to_seeds(value: Any) -> Any:
    """Read a single number n, as `--config seeds=n` gives it, as the seeds 0 .. n-1."""
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    return list(range(value)) if isinstance(value, int) and not isinstance(value, bool) else value


class RunSettings(Settings):
    """Where and how jobs run. Nothing here changes what is computed beyond rounding, so nothing here reruns a job."""

    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: CUDA where there is one.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 autocast on CUDA, and on a CPU with AMX for networks of the paper's size; else fp32."
    )
    compile: Literal["auto", "on", "off"] = Field(
        description="torch.compile. auto: on CUDA, and on a CPU for long trainings of networks of the paper's size."
    )
    save_minutes: float = Field(gt=0, description="How often a training saves its state.")
    wall_clock_minutes: float | None = Field(
        default=None,
        gt=0,
        description="A training that lasts longer saves, and exits to be started again. Unset: none.",
    )


class ItemSettings(Settings):
    """The axes of a figure or table."""

    datasets: tuple[str, ...] = Field(min_length=1, description="One panel or column group each.")
    recipes: tuple[str, ...] = Field(min_length=1, description="One line or row each.")


class Config(Settings):
    """Everything in config/config.yaml, after the scale's overlay."""

    scale: Scale
    dataset: str | None = Field(default=None, description="Draw every item from this dataset alone.")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), BeforeValidator(_count_to_seeds)] = Field(
        description="Pretrainings of each recipe; a single number n means 0 .. n-1."
    )
    run: RunSettings
    datasets: dict[str, DatasetSettings]
    recipes: dict[str, dict[str, Any]] = Field(
        description="Training set-ups by name; each resolves to drl.config.recipes.Recipe."
    )
    every_recipe: dict[str, Any] = Field(
        default_factory=dict, description="Laid over every recipe last; sections that a recipe lacks are skipped."
    )
    studies: Studies
    items: dict[str, ItemSettings]

    def item_datasets(self, item: str) -> tuple[str, ...]:
        """Datasets of an item, or the one that `dataset` names."""
        return self.items[item].datasets if self.dataset is None else (self.dataset,)
