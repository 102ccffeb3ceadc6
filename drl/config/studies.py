"""Settings of the measurement protocols."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drl.config.base import Count, Distinct, Positive, Select, Settings, Side, Width
from drl.config.diffusion import Time
from drl.config.fine_tuning import FineTuneSettings
from drl.config.generation import CodeSwapSettings, FidSettings, LatentGridSettings, LaterStartSettings, OneCodeSettings
from drl.config.theory import TheorySettings

Seed = Annotated[int, Field(ge=0)]
Budget = Count | Literal["all"]


class ProbeTraining(Settings):
    """How the probes are trained (paper section 3.1 and App. F)."""

    t: Distinct[Time] = Field(min_length=1, description="Values of t at which the code is read. Paper: 0, 0.1, ..., 1.")
    seeds: Distinct[Seed] = Field(min_length=1, description="Probes per model. Successor code: 3.")
    hidden: Width = Field(description="Hidden units. Successor code: 512.")
    dropout: float = Field(ge=0, lt=1, description="Successor code: 0.25.")
    learning_rate: Positive = Field(
        description="Learning rate of Adam. Neither the paper nor the code gives it; ours: 1e-3."
    )
    weight_decay: float = Field(ge=0, le=1e6, description="L2 in the gradient. Successor code: 1e-5.")
    batch_size: Count = Field(description="The last, incomplete batch of an epoch is dropped. Successor code: 256.")
    epochs: Count = Field(description="Paper App. F: 50 (successor code: 100).")
    select: Select = Field(
        description="The epoch whose test accuracy counts: the last one, or the best on validation images."
    )
    learning_rates: tuple[Positive, ...] = Field(
        description="Learning rates to try; the rate is chosen for each t by mean validation accuracy. Empty: no sweep."
    )
    trajectory: bool = Field(
        description="Also probe the codes of all t together, and the t chosen on validation images. Ours."
    )
    validation: bool = Field(
        False,
        description="Also measure every probe on validation images, which are then left out of its training, so that "
        "t can be chosen with any number of labels. Ours; the paper trains on all images.",
    )

    @property
    def uses_validation(self) -> bool:
        """Whether probes are measured on validation images, which are therefore left out of their training."""
        return self.validation or self.select == "best_val" or bool(self.learning_rates)


class ProbeSettings(ProbeTraining):
    """A small MLP on frozen codes, one for each t (paper section 3.1 and App. F)."""

    label_budgets: tuple[Budget, ...] = Field(
        min_length=1, description="Labelled training images; `all` is the whole training set."
    )
    dae_input: Literal["noisy", "clean"] = Field(
        description="The input of dae's encoder: x_t, with one draw of noise, or x_0. Ours: noisy."
    )

    @model_validator(mode="after")
    def _all_is_last(self) -> ProbeSettings:
        if "all" in self.label_budgets[:-1]:
            raise ValueError("label_budgets: `all` must come last")
        return self


class CodeUsageSettings(Settings):
    """How much the image's own code lowers the denoising loss, measured several times during training."""

    times: Count = Field(description="Measurements per training, evenly spaced; the last one is at the end. Ours: 10.")
    images: int = Field(ge=2, description="Validation images used. Ours: 512.")
    t: tuple[Annotated[Time, Field(gt=0)], ...] = Field(
        min_length=1, description="Values of t at which it is measured, above 0. Ours: 0.1, 0.3, 0.5, 0.7, 0.9."
    )


class FewShotSettings(Settings):
    """Support vector machines on few labels (paper App. E, Fig. 8): sklearn's SVC with its defaults."""

    t: Distinct[Time] = Field(min_length=1, description="Paper: 0, 0.1, ..., 1.")
    labels: Distinct[Count] = Field(min_length=1, description="Labelled training images. Paper: 100 and 1,000.")
    split: Seed = Field(
        description="Which images are labelled: the seed of the choice, or the number of the label list. Ours: 12."
    )
    validation: bool = Field(
        False,
        description="Also measure on validation images, which then lose their labels, so that t can be chosen on them. "
        "Always so if an item chooses among the members of a sweep. Ours.",
    )


class LearningSpeedSettings(Settings):
    """When in training the code becomes useful: probes on snapshots of the encoder (beyond the paper)."""

    snapshots: Count = Field(
        description="Snapshots kept from every training, evenly spaced, besides the untrained one. A change reruns all "
        "trainings.",
    )
    t: Distinct[Time] = Field(min_length=1, description="Values of t at which the code is probed.")
    accuracy: float = Field(gt=0, le=100, description="Validation accuracy in percent that the codes should reach.")
    labels: Count | None = Field(None, description="Labelled training images. Unset: all but the validation images.")
    pairs: tuple[tuple[str, str], ...] = Field(
        description="Pairs of recipes to compare if both are drawn: the usual one, then the faster one."
    )


class OwnImagesSettings(Settings):
    """A study of one dataset, usually your own folder: `snakemake study --config dataset=path/to/folder`."""

    recipes: Distinct[str] = Field(
        min_length=1,
        description="Recipes to train, by their names in `recipes` (`drl list recipes` shows them); each must have "
        "codes and no sweep. Every part of the study shows all of them, each trained once per seed. Ours: `drl_best`, "
        "which we recommend (VDRL with the paper's objective), and `ae`, an autoencoder to compare it with.",
    )
    image_size: Side = Field(
        description="Height and width in pixels to which the images of a folder are resized. Ours."
    )
    test_images: int = Field(
        ge=10,
        description="The most test images whose codes are drawn and whose silhouettes are measured. Ours: 5,000.",
    )


class Studies(Settings):
    """All measurement protocols."""

    probe: ProbeSettings
    few_shot: FewShotSettings
    learning_speed: LearningSpeedSettings
    code_usage: CodeUsageSettings
    latent_grid: LatentGridSettings
    code_swap: CodeSwapSettings
    one_code: OneCodeSettings
    later_start: LaterStartSettings
    fid: FidSettings
    fine_tune: FineTuneSettings
    theory: TheorySettings
    study: OwnImagesSettings
