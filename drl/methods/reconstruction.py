"""Common base of AE, VAE and DAE: a decoder that reconstructs the image from its code."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from drl.config.methods import AutoencoderSettings, ReconstructionSettings
from drl.config.recipes import Recipe
from drl.data.batch import Batch
from drl.data.store import from_unit
from drl.diffusion.losses import reduce_entries
from drl.diffusion.times import sample_times
from drl.methods.base import ImageFacts
from drl.methods.codes import Coder
from drl.models.build import build_decoder


class Reconstruction(Coder):
    """Reconstruction loss + the code's penalty.

    Encoder and decoder get a random t as input although an autoencoder's image is never noisy. (The authors' code
    trains them inside the score network's loop.) So the probe curve is flat over t by construction.
    """

    def __init__(self, recipe: Recipe, facts: ImageFacts, mean: Tensor, std: Tensor) -> None:
        """Build encoder and decoder; arguments as in Method."""
        super().__init__(recipe, facts, mean, std)
        self.decoder = build_decoder(recipe.decoder, facts, self.encoder)
        self.recon = self.settings(ReconstructionSettings).recon
        self.dequantise = isinstance(recipe.method, AutoencoderSettings) and recipe.method.dequantise
        self.gives_logits = recipe.decoder is not None and recipe.decoder.output == "sigmoid"

    def corrupt(self, x_0: Tensor, t: Tensor, noise: Tensor | None) -> Tensor:
        """Return the encoder's input for scaled images [B, C, H, W]; here the unchanged images."""
        return x_0

    def input_noise(self, images: Tensor, generator: torch.Generator) -> Tensor | None:
        """Draw the noise that `corrupt` needs for these images; here none."""
        return None

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return reconstruction loss + penalty, averaged over the batch, and the two parts."""
        n, device = len(batch.images), batch.images.device
        t = sample_times(self.recipe.times, self.sde, n, generator)
        fractions = None
        if self.dequantise:
            fractions = torch.rand(batch.images.shape, generator=generator, device=device)
        noise = self.input_noise(batch.images, generator)
        code_noise = self.code_noise(n, generator)
        reconstruction, penalty = self._objective(batch.images, t, fractions, noise, code_noise)
        parts = {"reconstruction": reconstruction.detach(), "penalty": penalty.detach()}
        return reconstruction + penalty, parts

    def _objective(
        self, images: Tensor, t: Tensor, fractions: Tensor | None, noise: Tensor | None, code_noise: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the two parts of the loss for given random numbers. All arithmetic is here, so this is compiled."""
        unit = images.float() / 255 if fractions is None else (images + fractions) / 256
        x_0 = from_unit(unit, self.recipe.pixels, self.pixel_mean, self.pixel_std)
        z, penalty = self.code(self.corrupt(x_0, t, noise), t, code_noise)
        output = self.decoder(z, self.sde.noise_label(t)).float()
        return self.reconstruction_loss(output, x_0, unit).mean(), penalty.mean()

    def reconstruction_loss(self, output: Tensor, x_0: Tensor, unit: Tensor) -> Tensor:
        """Return each image's loss [B].

        Args:
            output: Output of the decoder [B, C, H, W]: logits if the loss is `bce` or its `output` is `sigmoid`.
            x_0: Scaled images.
            unit: The same images in [0, 1].
        """
        reduction = self.recipe.objective.reduction
        if self.recon == "bce":
            return reduce_entries(F.binary_cross_entropy_with_logits(output, unit, reduction="none"), reduction)
        return reduce_entries((self.image(output) - x_0) ** 2, reduction)

    def image(self, output: Tensor) -> Tensor:
        """Turn the decoder's output into scaled pixels, if `recon` is l2."""
        return torch.sigmoid(output) if self.gives_logits else output

    def compile_parts(self) -> None:
        """Compile the training objective."""
        self._objective = torch.compile(self._objective)  # type: ignore[method-assign]
