"""Settings of samplers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drl.config.base import Settings

Start = Annotated[float, Field(gt=0, le=1)]


class SamplerSettings(Settings):
    """How samples are drawn from a trained score network (Song et al. 2021). Nothing here decides what is learnt."""

    predictor: Literal["reverse_diffusion", "euler_maruyama"] = Field(
        default="reverse_diffusion", description="Authors' code: euler_maruyama for the MNIST models."
    )
    corrector: Literal["langevin", "none"] = Field(
        default="langevin",
        description="One step before each of the predictor's. Authors' code: none for the MNIST models.",
    )
    snr: float = Field(default=0.16, gt=0, description="Signal-to-noise ratio of the corrector. Song: 0.16.")
    corrector_norm: Literal["image", "batch"] = Field(
        default="image",
        description="Whose norms set the corrector's step: the image's own, or the batch's mean (authors' code), with "
        "which a sample depends on its batch.",
    )
    steps: int = Field(default=1000, ge=2, description="Of the grid from t = 1 to epsilon. Paper: 1,000.")
    epsilon: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="The last t. Unset: 1e-5 under VE, 1e-3 under VP (authors' code)."
    )
    denoise: bool = Field(default=True, description="Leave out the noise of the last step. Song: yes.")
