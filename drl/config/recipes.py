"""A recipe: all settings that decide what a model learns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from drl.config.base import Line, Positive, Settings
from drl.config.diffusion import (
    ObjectiveSettings,
    SDESettings,
    SigmaUniformTimes,
    TimesSettings,
    UniformTimes,
    VESettings,
)
from drl.config.methods import MethodSettings
from drl.config.networks import DecoderSettings, EncoderSettings, ScoreSettings, WideResNetSettings
from drl.config.sampling import SamplerSettings

Beta = Annotated[float, Field(ge=0, lt=1)]
NAME_PATTERN = r"^[a-z0-9_]+(-[a-z]+[0-9.]+)*$"


class OptimiserSettings(Settings):
    """Adam with warm-up, clipping and EMA, as in Song et al. 2021 with the authors' EMA decay."""

    learning_rate: Positive = Field(2e-4, description="Authors' code: 2e-4.")
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), description="Authors' code.")
    epsilon: Positive = Field(1e-8, description="Authors' code: 1e-8.")
    weight_decay: float = Field(0.0, ge=0, le=1e6, description="L2 in the gradient. Authors' code: 0.")
    warmup_steps: int = Field(
        5000,
        ge=0,
        description="Steps of linear warm-up from 0, so that the first step changes nothing. Authors' code: 5000.",
    )
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="After the warm-up; cosine falls to 0 at the last step (SimCLR)."
    )
    gradient_clip: float = Field(
        1.0, ge=0, description="The largest global norm; 0 switches clipping off. Authors' code: 1."
    )
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="Decay at step n: min(this, (1 + n) / (10 + n)). Authors' code: 0.999."
    )


class AugmentationSettings(Settings):
    """LaplaceNet's augmentation: flip, random crop, RandAugment operations, Cutout."""

    operations: int = Field(
        1, ge=0, description="Number of RandAugment operations. Authors' code: 1, weak augmentation."
    )
    flip: float = Field(0.5, ge=0, le=1, description="Probability of a horizontal flip. Authors' code: 0.5.")


class Recipe(Settings):
    """A named and resolved training set-up: all that `drl pretrain` needs besides images and a seed."""

    label: Line = Field("", description="Name in legends. The configuration requires it; a job does not need it.")
    method: MethodSettings
    pixels: Literal["standardised", "unit", "symmetric"] = Field(
        "standardised",
        description="standardised: per channel mean 0 and deviation 1 (authors' 128-d models); unit: [0, 1]; "
        "symmetric: [-1, 1].",
    )
    sde: SDESettings = VESettings()
    times: TimesSettings = UniformTimes()
    objective: ObjectiveSettings = ObjectiveSettings()
    encoder: EncoderSettings | None = Field(
        WideResNetSettings(), description="The encoder; null in methods without one."
    )
    score: ScoreSettings | None = Field(None, description="The score network; null in methods without one.")
    decoder: DecoderSettings | None = Field(None, description="The decoder; null in methods without one.")
    centre_inputs: bool = Field(
        False,
        description="Networks get 2x - 1, but noise is added to x. Authors' JAX code for CIFAR-10, with pixels: unit.",
    )
    horizontal_flip: bool = Field(
        False,
        description="Flip training images at random. Authors' JAX code: only for CIFAR-10, otherwise no augmentation.",
    )
    optimiser: OptimiserSettings = OptimiserSettings()
    batch_size: int = Field(100, ge=2, description="Images per step. Authors' code: 100.")
    iterations: int = Field(
        ge=0, description="Optimiser steps; 0 is allowed only with start_from and keeps the other model's weights."
    )
    codes_from: Literal["raw", "ema"] = Field(
        "raw", description="The weights that compute codes. Authors' code: raw for 128-d, ema for 2-d models."
    )
    start_from: str | None = Field(
        None,
        description="Start from another recipe's weights, with the same dataset and seed, or from a model file. "
        "The optimiser and the averages start afresh.",
    )
    freeze: Literal["nothing", "encoder"] = Field(
        "nothing", description="The part that is not trained. Paper Figs. 2, 3: encoder, in a second phase."
    )
    train_images: int | None = Field(
        None,
        ge=2,
        description="Train on only this many images, class-balanced and the same for every seed. Paper, successor: "
        "null, all. Authors' code: the 4,000 images whose labels LaplaceNet keeps.",
    )
    augmentation: AugmentationSettings | None = Field(
        None,
        description="Augmentation of training images. Paper, successor: null. Authors' code: LaplaceNet's weak one.",
    )
    hold_out_validation: bool = Field(
        False, description="Train without the validation images. Paper: trains on the full training set."
    )

    sampler: SamplerSettings = SamplerSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if isinstance(self.times, SigmaUniformTimes) and self.sde.kind != "ve":
            raise ValueError("times sigma_uniform needs sde ve")
        encodes = self.method.codes_by == "encoder"
        if encodes != (self.encoder is not None):
            what = "needs an encoder, but encoder is null" if encodes else "has no encoder; set encoder: null"
            raise ValueError(f"method {self.method.kind} {what}")
        if self.iterations == 0 and self.start_from is None:
            raise ValueError("iterations 0 trains nothing; give at least 1, or start_from")
        if self.freeze == "encoder" and (self.start_from is None or self.encoder is None):
            raise ValueError("freeze: encoder needs an encoder that was trained; give start_from")
        if self.sde.kind == "vp" and self.score is not None and self.score.scale_by_sigma:
            raise ValueError("score.scale_by_sigma must be false under sde vp")
        for name in ("score", "decoder"):
            if self.method.network == name and getattr(self, name) is None:
                raise ValueError(f"method {self.method.kind} needs a {name} network, but {name} is null")
            if self.method.network != name and getattr(self, name) is not None:
                raise ValueError(f"method {self.method.kind} has no {name} network; set {name}: null")
        if self.method.kind not in ("drl", "vdrl", "unconditional", "score_features") and self.objective.edm:
            raise ValueError(
                f"method {self.method.kind} estimates no score; objective edm is for drl, vdrl, unconditional and "
                "score_features"
            )
        if self.centre_inputs and self.pixels != "unit":
            raise ValueError("centre_inputs needs pixels: unit")
        if self.centre_inputs and self.objective.preconditioning == "edm":
            raise ValueError("centre_inputs and objective.preconditioning edm both scale the inputs; choose one")
        if self.decoder is not None and self.decoder.output == "sigmoid" and self.pixels != "unit":
            raise ValueError("decoder.output sigmoid makes pixels in [0, 1]; set pixels: unit, or output: linear")
        self._check_embeddings()
        return self

    def _check_embeddings(self) -> None:
        edm = self.objective.preconditioning == "edm"
        for name in ("score", "decoder"):
            embedding = getattr(getattr(self, name), "embedding", None)
            if embedding == "positional" and edm:
                raise ValueError(f"{name}.embedding must be fourier with edm preconditioning, which gives it ln sigma")
            if embedding == "fourier" and self.sde.kind == "vp" and not edm:
                raise ValueError(f"{name}.embedding must be positional under sde vp, which gives it 999 t")

    def slice(self) -> dict[str, Any]:
        """Return the settings that decide what is learnt: all except the name in legends and the sampler's."""
        return self.model_dump(mode="json", exclude={"label", "sampler"})


def is_file(start_from: str) -> bool:
    """Whether a recipe's `start_from` is a model file and not another recipe."""
    return start_from.endswith(".safetensors")
