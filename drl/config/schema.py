"""The whole configuration as one model, which defines all settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from drl.config.base import Positive, Settings, unique
from drl.config.datasets import MOST_PIXELS, DatasetSettings
from drl.config.fine_tuning import ArmSettings, Beyond
from drl.config.items import ItemSettings, known_items
from drl.config.studies import Seed, Studies
from drl.config.sweeps import sweep_members, with_sweeps
from drl.config.verdict import VerdictSettings

Scale = Literal["demo", "lite", "paper"]
MOST_SEEDS = 1000
SCALES: tuple[Scale, ...] = ("demo", "lite", "paper")


def _count_to_seeds(value: Any) -> Any:
    """Read a single number n, as `--config seeds=n` gives it, as the seeds 0 .. n-1."""
    if isinstance(value, str) and len(value) < 20 and value.strip().isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value < 1:
        raise ValueError(f"{value} seeds are too few; give 1 or more, or a list such as [0, 1]")
    if value > MOST_SEEDS:
        raise ValueError(f"{value} seeds are too many; give at most {MOST_SEEDS}")
    return list(range(value))


def _on_or_off(value: Any) -> Any:
    """Turn true and false back into on and off, because YAML reads an unquoted on or off as true or false."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class RunSettings(Settings):
    """Where and how jobs run. Nothing here changes results by more than rounding, so no change here reruns a job."""

    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: CUDA if there is a CUDA device, else the CPU.")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        description="auto: bf16 autocast on CUDA, and for networks of the paper's size on a CPU that is faster in "
        "bf16; else fp32."
    )
    compile: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_or_off)] = Field(
        description="torch.compile. auto: on CUDA, where it works, for jobs that run a network at least 20,000 times."
    )
    graphs: Annotated[Literal["auto", "on", "off"], BeforeValidator(_on_or_off)] = Field(
        "auto",
        description="On a GPU, replay training steps as CUDA graphs. auto: where the host needs at least half of a "
        "step's time to launch it and at least 500 steps remain. A CPU has no graphs.",
    )
    deterministic: bool = Field(
        False,
        description="On a GPU, use only operations that give the same result each time, where torch has one; slower. "
        "On a CPU results are the same each time anyway.",
    )
    gpu_slots: int = Field(gt=0, description="Jobs that share one GPU. Small networks leave most of a GPU idle.")
    save_minutes: Positive = Field(description="How often an unfinished job saves its state.")
    wall_clock_minutes: Positive | Literal["auto"] | None = Field(
        description="A training or sampling that takes longer saves its state and exits, to be started again. "
        "auto: under SLURM a little less than the job's time limit, elsewhere no limit. null: no limit."
    )
    sampling_batch: int | None = Field(
        None, gt=0, description="Images sampled at once. Unset: 120 on a CPU, 1,200 on a GPU."
    )
    inception_weights: str | None = Field(
        None, description="A file of Inception's weights for FID, instead of the download."
    )
    image_pixels: int = Field(
        MOST_PIXELS,
        gt=0,
        description="The most pixels of an image in a folder of your own. Larger images are refused before they are "
        "decoded, which takes up to ten bytes of memory per pixel (JPEG 2000: 24, WebP: 16).",
    )
    tensorboard: bool = Field(
        False,
        description="Write the scalars of pretrainings for TensorBoard: loss and its parts, learning rate, gradient "
        "norm, and what the code is worth, below results/<scale>/logs/tensorboard. Needs drl[tensorboard].",
    )


class Config(Settings):
    """Everything in config/, with the scale's file and the user's own settings."""

    scale: Scale
    dataset: str | None = Field(
        None, description="Draw every item from this dataset alone: a dataset's name, or a folder of class folders."
    )
    seeds: Annotated[
        tuple[Seed, ...],
        Field(min_length=1, max_length=MOST_SEEDS),
        BeforeValidator(_count_to_seeds),
        AfterValidator(unique),
    ] = Field(description="Seeds of each recipe's pretrainings; a single number n means 0 .. n-1.")
    run: RunSettings
    datasets: dict[str, DatasetSettings]
    recipes: Annotated[dict[str, dict[str, Any]], AfterValidator(with_sweeps)] = Field(
        description="Training set-ups by name; each resolves to drl.config.recipes.Recipe."
    )
    arms: dict[str, ArmSettings] = Field(description="Ways to fine-tune, by name.")
    studies: Studies
    items: Annotated[dict[str, ItemSettings], BeforeValidator(known_items)] = Field(
        description="Figures and tables, by name: figure_N and table_N are the paper's, others are diagnostics."
    )
    verdict: VerdictSettings

    def members(self, recipe: str) -> tuple[str, ...]:
        """Return the recipes that a name expands to: itself, or drl_8d-lambda0.00001 and so on for its `sweep`."""
        return sweep_members(recipe, self.recipes[recipe].get("sweep", {}))

    def item_models(self, item: str) -> tuple[str, ...]:
        """Return the recipes of an item, with each sweep replaced by its members."""
        return tuple(member for recipe in self.items[item].recipes for member in self.members(recipe))

    @property
    def few_shot_validates(self) -> bool:
        """Whether few-shot fits are measured on validation images, so that t or a member of a sweep can be chosen."""
        names = [name for item in self.items.values() if item.study == "few_shot" for name in item.recipes]
        return self.studies.few_shot.validation or any(len(self.members(name)) > 1 for name in names)

    def item_labels(self, item: str, dataset: str) -> tuple[int, ...]:
        """Return an item's label counts for fine-tuning on a dataset; only tables use more than the first."""
        study, known = self.studies.fine_tune, self.datasets[dataset]
        given = {**study.labels, **(self.items[item].labels or {})}
        labels = given.get(dataset, (max(10 * known.classes, study.batch_size),))
        return labels if self.items[item].table is not None else labels[:1]

    def item_beyond(self, item: str) -> tuple[Beyond, ...]:
        """Return the rows of an item that the paper does not have, for the datasets that are drawn."""
        return tuple(row for row in self.items[item].beyond if row.dataset in self.item_datasets(item))

    def splits(self, seed: int) -> tuple[int, ...]:
        """Return the label splits for a seed of fine-tuning; with_seed: the paper's 12 for seed 0, 13 for seed 1."""
        splits = self.studies.fine_tune.splits
        return (12 + seed,) if splits == "with_seed" else splits

    def item_seeds(self, item: str) -> tuple[int, ...]:
        """Return the seeds of the pretrainings of each recipe of an item."""
        seeds = self.items[item].seeds
        return self.seeds if seeds is None else seeds

    def item_datasets(self, item: str) -> tuple[str, ...]:
        """Return the datasets of an item, or the one that `dataset` names; an item that makes its own data has none."""
        datasets = self.items[item].datasets
        return datasets if self.dataset is None or not datasets else (self.dataset,)
