"""Settings of samplers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drl.config.base import Positive, Settings

Start = Annotated[float, Field(gt=0, le=1)]
# What chains begin from: noise alone, or noise around an image (drl.diffusion.samplers.prior).
Prior = Literal["gaussian", "uniform_gaussian", "mean_image"]


class GridSettings(Settings):
    """The times of a chain, from t = 1 down to epsilon."""

    steps: int = Field(1000, ge=2, description="Number of steps on the grid from t = 1 to epsilon. Paper: 1,000.")
    epsilon: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="The last t. Unset: 1e-5 under VE, 1e-3 under VP (authors' code)."
    )


class SamplerSettings(GridSettings):
    """How samples are drawn from a trained score network (Song et al. 2021). Nothing here affects training."""

    predictor: Literal["reverse_diffusion", "euler_maruyama"] = Field(
        "reverse_diffusion", description="Authors' code: euler_maruyama for the MNIST models."
    )
    corrector: Literal["langevin", "none"] = Field(
        "langevin", description="One step before each of the predictor's. Authors' code: none for the MNIST models."
    )
    snr: Positive = Field(0.16, description="Signal-to-noise ratio of the corrector. Song: 0.16.")
    corrector_norm: Literal["image", "batch"] = Field(
        "image",
        description="The norms that set the corrector's step: each image's own, or the batch's mean (authors' code), "
        "which makes a sample depend on its batch.",
    )
    denoise: bool = Field(True, description="Leave out the noise of the last step. Song: yes.")
