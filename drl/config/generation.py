"""Settings of the studies that draw or measure samples."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from drl.config.base import Count, Distinct, Positive, Settings
from drl.config.diffusion import Time
from drl.config.sampling import Prior, Start


class LatentSquare(Settings):
    """The codes that are read and drawn (paper Figs. 2 and 3)."""

    t: Time = Field(description="The t at which codes are read, for models whose code depends on t.")
    cells: int = Field(ge=2, le=100, description="Codes along each side. Paper: 10.")


class LatentGridSettings(LatentSquare):
    """Samples over a square of 2-d codes (paper Figs. 2 and 3)."""

    extent: dict[str, Positive] = Field(description="Half the square's side, by method. Paper: 1 for DRL, 2 for VDRL.")


class CodeSwapSettings(Settings):
    """x_t denoised with another image's code (paper Fig. 6)."""

    t: Start = Field(description="The t of x_t. Neither the paper nor the code gives it; ours: 0.6.")
    classes: int = Field(
        ge=2, le=1000, description="Number of classes; the first test image of each is used. Authors' code: 4."
    )
    tolerance: Positive = Field(description="Relative and absolute tolerance of the ODE solver. Song: 1e-5.")


class OneCodeSettings(Settings):
    """Many samples from one code (paper Fig. 7)."""

    t: Time = Field(description="As in latent_grid.")
    columns: int = Field(ge=2, le=100, description="Samples along each side of a square. Paper: 10.")


class LaterStarts(Settings):
    """The samples that are drawn: cells of t_init, prior and repeat."""

    t_init: Distinct[Start] = Field(min_length=1, description="Paper: 0.5, 0.6, ..., 1.")
    priors: Distinct[Prior] = Field(
        min_length=1,
        description="gaussian: std(t) z. uniform_gaussian: m(t) u + std(t) z, with u uniform over pixel values. "
        "mean_image: the same with the mean training image as u. Paper: the first two; the third is ours.",
    )
    uniform: Literal["per_pixel", "per_image_channel"] = Field(
        description="How u is drawn. Neither the paper nor the code says how; ours: per_pixel."
    )
    images: int = Field(ge=2, le=10**6, description="Samples per cell. Authors' jobs: 20,000.")
    repeats: Count = Field(description="Disjoint sets of samples, for a mean and a standard deviation. Ours.")


class LaterStartSettings(LaterStarts):
    """Chains that begin at t_init < 1 (paper Fig. 13, Table 6)."""

    shown: Count = Field(le=100, description="Samples along each side of a cell of Figure 13.")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.images < self.shown**2:
            raise ValueError(f"images: {self.images} are fewer than the {self.shown} x {self.shown} that are shown")
        names = [f"{t:g}" for t in self.t_init]
        if len(set(names)) < len(names):
            raise ValueError(f"t_init: {', '.join(names)} are not all different in six digits")
        return self


class FidSettings(Settings):
    """Fréchet distance of samples to the training images (Heusel et al. 2017)."""

    extractor: Literal["inception", "supervised"] = Field(
        description="The model whose features are used: Inception (downloaded), or the dataset's supervised recipe."
    )
    recipe: str = Field(description="The recipe of the supervised extractor.")
