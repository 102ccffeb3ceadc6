"""Settings of the diffusion: the SDE, how t is drawn, and how the score is parametrised and weighted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drl.config.base import Positive, Settings

Time = Annotated[float, Field(ge=0, le=1)]


class VESettings(Settings):
    """Variance exploding SDE: sigma(t) = sigma_min (sigma_max / sigma_min)^t (Song et al. 2021, Eq. 30)."""

    kind: Literal["ve"] = "ve"
    sigma_min: Positive = Field(0.01, description="Noise at t = 0, in units of the scaled pixels. Paper: 0.01.")
    sigma_max: Positive = Field(50.0, description="Noise at t = 1. Paper: 50.")

    @model_validator(mode="after")
    def _ordered(self) -> VESettings:
        if self.sigma_max <= self.sigma_min:
            raise ValueError("sigma_max must be larger than sigma_min")
        return self


class VPSettings(Settings):
    """Variance preserving SDE: beta(t) = beta_min + t (beta_max - beta_min) (Song et al. 2021, Eq. 32)."""

    kind: Literal["vp"] = "vp"
    beta_min: Positive = Field(0.1, description="Song et al. 2021: 0.1.")
    beta_max: Positive = Field(20.0, description="Song et al. 2021: 20.")


class UniformTimes(Settings):
    """Uniform: t ~ U[epsilon, 1], the paper's default."""

    kind: Literal["uniform"] = "uniform"
    epsilon: float = Field(1e-5, ge=0, lt=1, description="Smallest t. Authors' code: 1e-5.")


class SigmaUniformTimes(Settings):
    """sigma ~ U[sigma_min, sigma_max]: focus on high noise (paper section 3.3; VE only)."""

    kind: Literal["sigma_uniform"] = "sigma_uniform"


class SingleTime(Settings):
    """One t for all of training (paper Fig. 12)."""

    kind: Literal["single"] = "single"
    t: Time = Field(description="The t, in [0, 1].")


SDESettings = Annotated[VESettings | VPSettings, Field(discriminator="kind")]
TimesSettings = Annotated[UniformTimes | SigmaUniformTimes | SingleTime, Field(discriminator="kind")]


class ObjectiveSettings(Settings):
    """How the network's output becomes a score, and how an image's loss is weighted over t."""

    preconditioning: Literal["paper", "edm"] = Field(
        "paper", description="paper: output / sigma. edm: Karras et al. 2022, Eq. 7 and Table 1."
    )
    weighting: Literal["paper", "edm"] = Field(
        "paper", description="paper: lambda(t) = sigma(t)^2. edm: Karras et al. 2022, Table 1, on the denoiser."
    )
    sigma_data: Positive = Field(
        1.0,
        description="Standard deviation of the scaled pixels, used by edm only. 1 for standardised pixels, 0.5 for "
        "symmetric ones, 0.25 for unit ones.",
    )
    reduction: Literal["half_sum", "sum", "mean"] = Field(
        "half_sum",
        description="Reduction over an image. Authors' code: half_sum; MNIST: mean; stand-alone AE and VAE: sum.",
    )

    @property
    def edm(self) -> bool:
        """Whether preconditioning or weighting is not the paper's."""
        return "edm" in (self.preconditioning, self.weighting)
