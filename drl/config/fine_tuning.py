"""Settings of semi-supervised fine-tuning (LaplaceNet; Tables 1 to 5)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drl.config.base import Count, Distinct, Positive, Select, Settings, Several, Title
from drl.data.padding import crop_padding

Logit = Annotated[float, Field(gt=0, lt=1)]
Labels = Several[Count]
Splits = Several[Annotated[int, Field(ge=0)]]


class FineTuneStart(Settings):
    """The start of one way to fine-tune, and its differences from the others."""

    model: str | None = Field(description="Recipe whose encoder it starts from; null: random weights.")
    mixup: bool = Field(
        False,
        description="Mix images in the supervised epochs. The authors' flag decides only these; see mixup_semi.",
    )
    mixup_semi: bool = Field(
        True, description="Mix images in the semi-supervised epochs. Authors' code: always, regardless of the flag."
    )
    t_init: Logit | Literal["search"] = Field(
        0.5,
        description="Initial value of the learned t; search: the value with the lowest training loss after the "
        "supervised epochs.",
    )
    weight_decay_on_t: bool = Field(
        True, description="Also apply weight decay to the logit of t, which pulls t to 0.5. Authors' code: on."
    )
    until: Literal["end", "early"] = Field(
        "end", description="early: stop at studies.fine_tune.early_epoch, but keep the schedule of the whole run."
    )

    @model_validator(mode="after")
    def _searches_with_a_model(self) -> Self:
        if self.t_init == "search" and self.model is None:
            raise ValueError("t_init: search compares a model's codes at several t; give a model, or a number")
        return self


class ArmSettings(FineTuneStart):
    """One way to fine-tune."""

    label: Title = Field(description="Name in tables.")


class Beyond(Settings):
    """A row under a table that the paper's table does not have."""

    arm: str = Field(description="The arm that is shown.")
    in_place_of: str = Field(description="The arm whose column shows it.")
    dataset: str
    labels: int = Field(ge=1)


class FineTuneProtocol(Settings):
    """How a classifier is fine-tuned (authors' code and job scripts)."""

    steps: Count = Field(
        description="Approximate total number; it decides the number of epochs. Authors' code: 250000."
    )
    epoch_steps: int | None = Field(
        ge=1,
        description="The most steps per semi-supervised epoch. Authors' code: null, a pass over the unlabelled images.",
    )
    batch_size: int = Field(ge=2, description="Images per step. Job scripts: 100.")
    labelled_batch: Count = Field(description="Labelled images per semi-supervised step. Job scripts: 50.")
    supervised_epochs: Count = Field(description="Outer epochs with only labelled images. Authors' code: 10.")
    passes: Count = Field(description="Passes over the labelled images per supervised epoch. Authors' code: 10.")
    versions: Count = Field(description="Augmented versions of every image in a step. Job scripts: 3.")
    weak: int = Field(ge=0, description="RandAugment operations on labelled images. Authors' code: 1.")
    strong: int = Field(ge=0, description="RandAugment operations on the other images. Authors' code: 2.")
    flip: float = Field(ge=0, le=1, description="Probability of a horizontal flip. Authors' code: 0.5.")
    padding: int | None = Field(
        ge=0,
        description="Padding for the random crop, in pixels. Authors' code: 4 at size 32, 8 at 84. null: an eighth "
        "of the image size, at most 8.",
    )
    learning_rate: Positive = Field(description="Learning rate of SGD. Job scripts: 0.03.")
    momentum: float = Field(ge=0, lt=1, description="Nesterov momentum. Authors' code: 0.9.")
    weight_decay: float = Field(ge=0, le=1e6, description="On every parameter. Authors' code: 5e-4.")
    tail_epochs: int = Field(
        ge=0, description="The cosine schedule would reach 0 this many epochs after the end. Authors' code: 10."
    )
    mixup_alpha: Positive = Field(description="Beta(alpha, alpha). Job scripts: 1.")
    neighbours: Count = Field(description="Neighbours of each image in the graph. Job scripts: 50.")
    alpha: float = Field(gt=0, lt=1, description="The alpha of label propagation. LaplaceNet: 0.99.")
    tolerance: Positive = Field(description="Relative tolerance of conjugate gradients. LaplaceNet: 1e-3.")
    solver_iterations: Count = Field(description="The most iterations of conjugate gradients. LaplaceNet: 30.")
    alignment_rounds: int = Field(ge=0, description="Rounds of distribution alignment. LaplaceNet: 100.")
    select: Select = Field(
        description="The epoch whose test accuracy counts: the last one, or the best on validation images, which are "
        "then left out of training."
    )

    @model_validator(mode="after")
    def _batch_holds_others(self) -> Self:
        if self.labelled_batch >= self.batch_size:
            raise ValueError("labelled_batch must leave places in a batch of batch_size; give a smaller one")
        return self


class FineTuneSettings(FineTuneProtocol):
    """LaplaceNet on a pretrained encoder (paper section 3.2 and App. G; authors' code and job scripts)."""

    network_of: str = Field(description="Recipe whose encoder, with a fresh linear layer, is the classifier.")
    labels: dict[str, Labels] = Field(
        description="Images that keep their labels, by dataset. Other datasets: ten per class, but at least a batch."
    )
    splits: Splits | Literal["with_seed"] = Field(
        description="Which images keep their labels: seeds of the choice, or numbers of label lists. with_seed: "
        "seed k has split 12 + k. Paper, job scripts: only 12."
    )
    early_epoch: Count = Field(description="The epoch at which Tables 2 and 3 read the runs. Paper: 100.")
    search: Distinct[Logit] = Field(
        min_length=2, description="Values that `t_init: search` tries. Authors' code: 0.01, 0.1, ..., 0.9, 0.99."
    )

    @model_validator(mode="after")
    def _early_is_semi_supervised(self) -> Self:
        if self.early_epoch <= self.supervised_epochs:
            raise ValueError("early_epoch must lie after the supervised_epochs; give a later one")
        return self

    def crop_padding(self, image_size: int) -> int:
        """Return the padding of the random crop for images of this size."""
        return crop_padding(image_size) if self.padding is None else self.padding
