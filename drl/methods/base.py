"""The base class of methods: a loss for training, codes and, in some methods, a score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self, TypeVar

import torch
from torch import Tensor, nn

from drl.config.methods import MethodBase
from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.data.store import scale_pixels
from drl.diffusion.sde import SDE, make_sde
from drl.errors import UserError

M = TypeVar("M", bound=MethodBase)


@dataclass(frozen=True)
class ImageFacts:
    """The facts about images that a network is built from."""

    channels: int
    image_size: int
    classes: int


class Method(nn.Module, ABC):
    """Base of the methods.

    Its parts are modules called `encoder`, `score_network` and, if it reconstructs images, `decoder`.

    Attributes:
        recipe: The resolved recipe.
        facts: Size of the images.
        encoder: None in a method without one.
        sde: The perturbation kernel. Methods whose images are never noisy use it only to draw t.
    """

    encoder: nn.Module | None
    sde: SDE
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Store what all methods need.

        Args:
            recipe: A resolved recipe.
            facts: Size of the images.
            mean: Channel means [1, C, 1, 1] of pixels in [0, 1].
            std: Channel standard deviations, like `mean`.
        """
        super().__init__()
        self.recipe = recipe
        self.facts = facts
        self.sde = make_sde(recipe.sde)
        self.register_buffer("pixel_mean", mean.clone(), persistent=False)
        self.register_buffer("pixel_std", std.clone(), persistent=False)

    def train(self, mode: bool = True) -> Self:
        """Switch between training and evaluation; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.recipe.freeze == "encoder" and self.encoder is not None:
            self.encoder.eval()
        return self

    def settings(self, kind: type[M]) -> M:
        """Return the recipe's `method` section as settings of the class that the objective needs."""
        assert isinstance(self.recipe.method, kind)
        return self.recipe.method

    @property
    def code_part(self) -> str | None:
        """Name of the part that makes the codes: `encoder`, or `score_network`; None if there are no codes."""
        makes = self.recipe.method.codes_by
        return None if makes is None else {"encoder": "encoder", "score": "score_network"}[makes]

    def code_network(self) -> nn.Module:
        """Return the part that makes the codes.

        Raises:
            UserError: If there are no codes.
        """
        if self.code_part is None:
            raise UserError("an unconditional model has no codes; give a model with an encoder")
        return self.get_submodule(self.code_part)

    @property
    def code_size(self) -> int:
        """Entries of a code; UserError if there are no codes."""
        return int(self.code_network().code_size)  # type: ignore[arg-type]

    @property
    def codes_see_time(self) -> bool:
        """Whether the network that makes the codes is told t; UserError if there are no codes."""
        return bool(self.code_network().time)

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss to minimise, and its parts by name (means over the batch).

        Args:
            batch: uint8 images [B, C, H, W]; unsupervised methods never read its labels.
            generator: Source of t, of the images' noise and of the codes' noise, on the images' device.
        """

    def scale(self, images: Tensor) -> Tensor:
        """uint8 images -> float32 in the recipe's range."""
        return scale_pixels(images, self.recipe.pixels, self.pixel_mean, self.pixel_std)

    def seen(self, x: Tensor) -> Tensor:
        """Scaled pixels -> input of the networks: 2x - 1 if the recipe centres inputs, else unchanged."""
        return 2 * x - 1 if self.recipe.centre_inputs else x

    def compile_parts(self) -> None:
        """Compile the functions that training calls most; the base class compiles nothing."""

    @abstractmethod
    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes z = E(x_0, t) [B, D].

        Args:
            images: uint8 [B, C, H, W].
            t: [B] in [0, 1].
            generator: Used by methods whose code or input is random: VDRL and VAE sample their code, DAE and score
                features encode x_t. None gives the mean code of x_0.
        """


class Denoiser(Method):
    """A method with a denoising loss, whose network may be conditional on a code."""

    @abstractmethod
    def denoising_loss(self, x_0: Tensor, t: Tensor, z: Tensor | None, noise: Tensor) -> Tensor:
        """Return each image's weighted denoising loss [B].

        Args:
            x_0: Scaled images [B, C, H, W].
            t: [B].
            z: Codes [B, D].
            noise: The noise that perturbs x_0, with its shape.
        """
