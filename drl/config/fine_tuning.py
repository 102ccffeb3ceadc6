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
    """Where one way to fine-tune starts, and what it does differently from others."""

    model: str | None = Field(description="Recipe whose encoder it starts from; null: fresh weights.")
    mixup: bool = Field(
        False,
        description="Mix images in the supervised epochs. The authors' flag says no more than that; see mixup_semi.",
    )
    mixup_semi: bool = Field(
        True, description="Mix images in the semi-supervised epochs. Authors' code: always, whatever the flag."
    )
    t_init: Logit | Literal["search"] = Field(
        0.5,
        description="Where the learned t starts; search: where the supervised epochs leave the least training loss.",
    )
    weight_decay_on_t: bool = Field(
        True, description="Weight decay on the logit of t too, which pulls t to 0.5. Authors' code: on."
    )
    until: Literal["end", "early"] = Field(
        "end", description="early: stop at studies.fine_tune.early_epoch, on the schedule of the whole run."
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
    """A row under a table that the paper does not have."""

    arm: str = Field(description="What is shown.")
    in_place_of: str = Field(description="The arm in whose column it stands.")
    dataset: str
    labels: int = Field(ge=1)


class FineTuneProtocol(Settings):
    """How a classifier is fine-tuned (authors' code and job scripts)."""

    steps: Count = Field(description="About so many in all; they decide the number of epochs. Authors' code: 250000.")
    epoch_steps: int | None = Field(
        ge=1,
        description="Most steps of a semi-supervised epoch. Authors' code: null, a pass over the unlabelled images.",
    )
    batch_size: int = Field(ge=2, description="Images a step. Job scripts: 100.")
    labelled_batch: Count = Field(description="Labelled among them in semi-supervised steps. Job scripts: 50.")
    supervised_epochs: Count = Field(description="Outer epochs with labelled images alone. Authors' code: 10.")
    passes: Count = Field(description="Passes over the labelled images in each. Authors' code: 10.")
    versions: Count = Field(description="Augmented versions of every image in a step. Job scripts: 3.")
    weak: int = Field(ge=0, description="RandAugment operations on labelled images. Authors' code: 1.")
    strong: int = Field(ge=0, description="RandAugment operations on the others. Authors' code: 2.")
    flip: float = Field(ge=0, le=1, description="Probability of a horizontal flip. Authors' code: 0.5.")
    padding: int | None = Field(
        ge=0, description="Of the random crop, pixels. Authors' code: 4 at 32, 8 at 84. null: an eighth, at most 8."
    )
    learning_rate: Positive = Field(description="SGD's. Job scripts: 0.03.")
    momentum: float = Field(ge=0, lt=1, description="Nesterov's. Authors' code: 0.9.")
    weight_decay: float = Field(ge=0, description="On every parameter. Authors' code: 5e-4.")
    tail_epochs: int = Field(ge=0, description="The cosine would reach 0 so long after the end. Authors' code: 10.")
    mixup_alpha: Positive = Field(description="Beta(alpha, alpha). Job scripts: 1.")
    neighbours: Count = Field(description="Of the graph. Job scripts: 50.")
    alpha: float = Field(gt=0, lt=1, description="Of label propagation. LaplaceNet: 0.99.")
    tolerance: Positive = Field(description="Relative, of conjugate gradients. LaplaceNet: 1e-3.")
    solver_iterations: Count = Field(description="At most so many. LaplaceNet: 30.")
    alignment_rounds: int = Field(ge=0, description="Of distribution alignment. LaplaceNet: 100.")
    select: Select = Field(
        description="Which epoch's test accuracy counts: the last one, or the best on validation images, which are "
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
        description="Images that keep their labels, by dataset. Others: ten a class, but at least a batch."
    )
    splits: Splits | Literal["with_seed"] = Field(
        description="Which images keep their labels: seeds of the choice, or numbers of label lists. with_seed: "
        "seed k has split 12 + k. Paper, job scripts: 12 alone."
    )
    early_epoch: Count = Field(description="Where Tables 2 and 3 read the runs. Paper: 100.")
    search: Distinct[Logit] = Field(
        min_length=2, description="Values of t_init: search. Authors' code: 0.01, 0.1, ..., 0.9, 0.99."
    )

    @model_validator(mode="after")
    def _early_is_semi_supervised(self) -> Self:
        if self.early_epoch <= self.supervised_epochs:
            raise ValueError("early_epoch must lie after the supervised_epochs; give a later one")
        return self

    def crop_padding(self, image_size: int) -> int:
        """Return the padding of the random crop for images of a size."""
        return crop_padding(image_size) if self.padding is None else self.padding
