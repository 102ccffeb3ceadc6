"""Settings of the theory study: a mixture of Gaussians, and small networks that are trained on it."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from drl.config.base import Count, Distinct, Positive, Settings
from drl.config.diffusion import Time, TimesSettings, VESettings, VPSettings

MOST_COMPONENTS = 1000  # of the mixture: every draw is compared with each
# The values of the metrics' columns `dataset` and `recipe`, with their names in the figure.
DATASET = ("mixture", "Gaussian mixture")
RECIPES = (("exact", "exact score"), ("unconditional", "unconditional"), ("drl", "DRL"), ("ae", "AE"))


class PlaneSettings(Settings):
    """Two of the coordinates."""

    points: Count = Field(le=MOST_COMPONENTS, description="Gaussians, evenly spaced on a circle.")
    radius: float = Field(ge=0, le=1000, description="Radius of the circle, relative to those of the other planes.")


class MixtureSettings(Settings):
    """Gaussians whose means are all combinations of one point of each plane. Ours."""

    planes: tuple[PlaneSettings, ...] = Field(
        min_length=1,
        max_length=8,
        description="Each plane adds two dimensions. The mixture is scaled to a mean variance of 1 per entry.",
    )
    spread: float = Field(
        ge=1e-6,  # its square must not vanish beside those of the radii
        le=1000,
        description="Standard deviation of each Gaussian in each direction, in units of the radii.",
    )
    label_plane: int = Field(
        ge=0, description="Position of the plane whose points are the classes, so that each class is a family."
    )

    @model_validator(mode="after")
    def _has_classes(self) -> Self:
        if self.label_plane >= len(self.planes):
            raise ValueError(
                f"label_plane: {self.label_plane} is not a position among {len(self.planes)} planes, from 0"
            )
        if self.planes[self.label_plane].points < 2:
            raise ValueError("label_plane: its plane has one point, which makes one class; give two points or more")
        if (components := math.prod(plane.points for plane in self.planes)) > MOST_COMPONENTS:
            raise ValueError(
                f"planes: give {components:,} Gaussians, and may give {MOST_COMPONENTS:,}; give fewer points"
            )
        return self


class TheoryNetwork(Settings):
    """Perceptrons that the noise level scales and shifts, for both the encoder and the score network. Ours."""

    hidden: Count = Field(le=8192, description="Width of the hidden layers.")
    depth: Count = Field(le=100, description="Hidden layers.")
    frequencies: Count = Field(le=8192, description="Number of Fourier features of ln sigma.")
    fourier_scale: Positive = Field(description="Standard deviation of the frequencies, per unit of ln sigma.")


class TheoryOptimiser(Settings):
    """Adam with warm-up, clipping at a norm of 1, and a cosine down to 0. Ours."""

    learning_rate: Positive = Field(description="The highest learning rate.")
    warmup_steps: int = Field(ge=0, description="Steps of linear warm-up from 0.")


class TheorySettings(Settings):
    """Eq. 6, the kernels and Proposition 2.1 for a known score (paper section 2, App. B and C)."""

    mixture: MixtureSettings
    ve: VESettings = Field(description="The kernel that models are trained under.")
    vp: VPSettings = Field(description="The other kernel, whose constant and moments are checked too.")
    t: Distinct[Time] = Field(
        min_length=1, description="Values of t at which losses, kernels and codes are measured; they must include 1."
    )
    code_size: Count = Field(description="Entries of a code; fewer than those of x.")
    l1_weight: float = Field(ge=0, description="Lambda of |z|_1. Paper App. D: 1e-5.")
    objective: Literal["edm", "paper"] = Field(
        description="Preconditioning and weighting in training only; reported losses are weighted with sigma(t)^2."
    )
    times: TimesSettings = Field(description="How t is drawn in training.")
    network: TheoryNetwork
    optimiser: TheoryOptimiser
    batch_size: Count = Field(le=10**6, description="Fresh samples per step.")
    steps: Count = Field(description="Steps of each of the three trainings.")
    draws: int = Field(ge=2, le=10**9, description="Pairs of x_0 and noise behind each expectation.")
    nodes: int = Field(ge=2, le=200, description="Nodes of the quadrature, along each direction of a plane.")
    paths: int = Field(ge=2, le=10**7, description="Simulated paths of each SDE.")
    path_steps: Count = Field(description="Euler-Maruyama steps of a path from t = 0 to 1.")
    train: int = Field(ge=2, le=10**7, description="Codes that probes learn from.")
    validation: Count = Field(le=10**7, description="Codes that the best t is chosen on.")
    test: Count = Field(le=10**7, description="Codes on which results are measured.")
    neighbours: Count = Field(description="Neighbours k of the probes, which are scikit-learn's k nearest neighbours.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if 1.0 not in self.t:
            raise ValueError("t: must hold 1, where Proposition 2.1 compares codes with an autoencoder's")
        if self.code_size >= 2 * len(self.mixture.planes):
            raise ValueError(f"code_size: must be smaller than x, which has {2 * len(self.mixture.planes)} entries")
        if self.neighbours > self.train:
            raise ValueError(f"neighbours: {self.neighbours} are more than the {self.train} codes of train")
        return self
