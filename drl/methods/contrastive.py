"""Common base of SimCLR and SimCLR-Gauss: NT-Xent on two views of each image (Chen et al. 2020)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.config.methods import ContrastiveSettings
from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.diffusion.times import sample_times
from drl.methods.base import ImageFacts, Method
from drl.models.build import build_encoder
from drl.models.encoder import Encoder


def nt_xent(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy (Chen et al. 2020, Eq. 1), in float32 also inside autocast.

    For each of the 2B views, this is the cross-entropy of recognising the image's other view among it and the 2B - 2
    views of other images, with cosine similarity / temperature as logits.

    Args:
        a: First views [B, P].
        b: Second views [B, P], in the order of `a`.
        temperature: Above 0.

    Returns:
        [B], the mean over an image's two views; its mean over the batch is Chen et al.'s L.
    """
    with torch.autocast(a.device.type, enabled=False):
        views = F.normalize(torch.cat([a, b]).float(), dim=1)
        logits = (views @ views.T / temperature).fill_diagonal_(-torch.inf)
        other = torch.arange(2 * len(a), device=a.device).roll(len(a))
        return F.cross_entropy(logits, other, reduction="none").view(2, -1).mean(0)


def projection_head(code_size: int, widths: Sequence[int]) -> nn.Sequential:
    """Return the MLP between code and loss, with a ReLU after all layers but the last (Chen et al. 2020, section 4.2).

    Args:
        code_size: Entries of a code.
        widths: Widths of the layers, at least one.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise((code_size, *widths)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Contrastive(Method):
    """NT-Xent of projected codes; each method adds its views.

    Attributes:
        projection: The head. Only the loss uses it, and model files do not contain it.
    """

    encoder: Encoder

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build encoder and head; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.encoder = build_encoder(recipe.encoder, facts, probabilistic=False)
        method = self.settings(ContrastiveSettings)
        self.projection = projection_head(self.encoder.code_size, method.projection)
        self.temperature, self.t = method.temperature, method.t

    @abstractmethod
    def views(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return two random views of each image, scaled as the recipe says.

        Args:
            images: uint8 [B, C, H, W].
            generator: Source of randomness, on the images' device.

        Returns:
            float32 [2B, C, H, W], all first views, then all second views.
        """

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return NT-Xent averaged over the batch, and with it the mean cosine between an image's two views."""
        # Each view has its own t. If an image's two views had the same t, the encoder, which gets t as input, could
        # pair them by t alone.
        t = self.times(2 * len(batch.images), generator)
        contrastive, alignment = self._objective(self.views(batch.images, generator), t)
        return contrastive, {"contrastive": contrastive.detach(), "alignment": alignment}

    def _objective(self, views: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return NT-Xent and the mean cosine for given views [2B, C, H, W] and times [2B]; this is compiled."""
        # Both views go through the encoder at once, so that batch normalisation treats first and second views alike.
        a, b = self.projection(self.code(views, t)).float().chunk(2)
        contrastive = nt_xent(a, b, self.temperature).mean()
        return contrastive, F.cosine_similarity(a.detach(), b.detach()).mean()

    def compile_parts(self) -> None:
        """Compile encoder, head and loss; the augmentations depend on the random draws and stay eager."""
        self._objective = torch.compile(self._objective)  # type: ignore[method-assign]

    def times(self, n: int, generator: torch.Generator) -> Tensor:
        """Return the t [n] at which the encoder encodes n views."""
        if self.t == "random":
            return sample_times(self.recipe.times, self.sde, n, generator)
        return torch.full((n,), self.t, device=generator.device)

    def code(self, x: Tensor, t: Tensor) -> Tensor:
        """Return codes [B, D] of scaled images [B, C, H, W] at t [B]."""
        return self.encoder.latent(self.seen(x), t)[0].float()

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes [B, D], before the head, of uint8 images without augmentation; nothing is random."""
        return self.code(self.scale(images), t)
