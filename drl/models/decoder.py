"""The reconstruction decoder of autoencoders, from the bottleneck map or from a code to an image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.conditioning import CodeConditioning
from drl.models.embeddings import EmbeddingKind, NoiseEmbedding
from drl.models.paths import Middle, UNetShape, UpPath


class ReconstructionDecoder(nn.Module):
    """The middle and the upward path of NCSN++, without skips. Its inputs come from a `CodeConditioning`.

    Args:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        channels: Channels of the images.
        nf: Base width; the map has 2 nf channels, the embedding 8 nf numbers.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first.
        blocks: Residual blocks per level minus one, as in the upward path of NCSN++.
        attention_resolutions: Resolutions in pixels at which the last block is followed by self-attention.
        dropout: Probability in residual blocks.
        fir: Whether resampling smooths with a FIR filter.

    Raises:
        UserError: If `image_size` cannot be halved often enough or a number is out of range.

    Source: authors' code (`Decoder`).
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int = 3,
        nf: int = 16,
        channel_multipliers: Sequence[int] = (1, 2, 2, 2),
        blocks: int = 2,
        attention_resolutions: Sequence[int] = (16,),
        dropout: float = 0.1,
        fir: bool = False,
    ) -> None:
        """Build the layers."""
        super().__init__()
        shape = UNetShape(
            image_size=image_size,
            nf=nf,
            channel_multipliers=tuple(channel_multipliers),
            blocks=blocks,
            attention_resolutions=tuple(attention_resolutions),
            embedding_size=8 * nf,
            dropout=dropout,
            fir=fir,
        )
        self.middle = Middle(shape, 2 * nf)
        self.up = UpPath(shape, in_channels=2 * nf, channels=channels)

    def forward(self, u: Tensor, embedding: Tensor) -> Tensor:
        """Decode a bottleneck map.

        Args:
            u: Bottleneck map [B, 2 nf, R, R], R the lowest resolution.
            embedding: [B, 8 nf], before any activation.

        Returns:
            [B, channels, H, W]: logits of the pixels for a cross-entropy loss, the pixels for a squared error.
        """
        activated = F.silu(embedding)
        image: Tensor = self.up(self.middle(u, activated), activated)
        return image


class UNetDecoder(nn.Module):
    """From a code and a noise level to an image: a time embedding, a latent path and a `ReconstructionDecoder`.

    These are the parts of a conditional score network that are used if its loss is only the reconstruction.

    Args:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        channels: Channels of the images.
        code_size: Size of the code, >= 1.
        nf: Base width.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first.
        blocks: Residual blocks per level minus one.
        attention_resolutions: Resolutions in pixels at which the last block is followed by self-attention.
        dropout: Probability in residual blocks.
        embedding: `fourier` (of ln sigma; VE) or `positional` (of the number as it is; VP).
        fourier_scale: Standard deviation of the random Fourier frequencies.
        fir: Whether resampling smooths with a FIR filter.

    Raises:
        UserError: If `image_size` cannot be halved often enough, or a setting is out of range or unknown.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: authors' code (`NCSNpp` with a negative `lambda_reconstr`).
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int = 3,
        code_size: int = 128,
        nf: int = 16,
        channel_multipliers: Sequence[int] = (1, 2, 2, 2),
        blocks: int = 2,
        attention_resolutions: Sequence[int] = (16,),
        dropout: float = 0.1,
        embedding: EmbeddingKind = "fourier",
        fourier_scale: float = 16.0,
        fir: bool = False,
    ) -> None:
        """Build the layers."""
        super().__init__()
        if code_size < 1:
            raise UserError(f"decoder: code_size is {code_size}; it must be at least 1")
        self.decoder = ReconstructionDecoder(
            image_size=image_size,
            channels=channels,
            nf=nf,
            channel_multipliers=channel_multipliers,
            blocks=blocks,
            attention_resolutions=attention_resolutions,
            dropout=dropout,
            fir=fir,
        )
        lowest = image_size >> (len(channel_multipliers) - 1)
        self.conditioning = CodeConditioning(nf=nf, code_size=code_size, resolution=lowest)
        self.embedding = NoiseEmbedding(nf, embedding, fourier_scale)

    def forward(self, z: Tensor, noise_level: Tensor) -> Tensor:
        """Decode codes.

        Args:
            z: Codes [B, code_size].
            noise_level: [B]; sigma > 0 for the Fourier embedding, any number for the positional one.

        Returns:
            [B, channels, H, W], as in `ReconstructionDecoder`.
        """
        embedding, u = self.conditioning(self.embedding(noise_level), z)
        image: Tensor = self.decoder(u, embedding)
        return image
