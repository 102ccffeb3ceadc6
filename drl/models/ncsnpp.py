"""NCSN++, the score network, with or without a code as condition."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.conditioning import CodePath, CodePathKind, build_code_path
from drl.models.embeddings import EmbeddingKind, NoiseEmbedding
from drl.models.paths import DownPath, InputPyramid, Middle, UNetShape, UpPath


class NCSNpp(nn.Module):
    """U-Net of residual blocks that estimates the score up to a factor; the caller applies the factor.

    Args:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        channels: Channels of the images.
        nf: Base width.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first.
        blocks: Residual blocks per level on the way down; one more on the way up.
        attention_resolutions: Resolutions in pixels at which blocks are followed by self-attention; the middle
            always has it.
        dropout: Probability in residual blocks.
        embedding: `fourier` (of ln sigma; VE) or `positional` (of the number as it is; VP).
        fourier_scale: Standard deviation of the random Fourier frequencies.
        code_size: Size of the code; None builds an unconditional network.
        bottleneck_injection: Whether the code also enters at the lowest resolution; how depends on `code_path`.
        input_pyramid: `residual` feeds the downsampled image to every level; `none` does not.
        code_path: How the code enters: `linear` (128-d networks), `dense_map` (2-d networks of colour images) or
            `dense_middle` (of digits); see drl.models.conditioning.
        code_time: Whether the code depends on t; only `dense_map` uses it.
        fir: Whether all resampling smooths with a FIR filter (2-d networks of colour images).

    Attributes:
        conditioning: The latent path, None in an unconditional network. Its parameters are counted separately.
        middle_channels: Channels of the middle block.

    Raises:
        UserError: If `image_size` cannot be halved often enough, or a setting is out of range or unknown.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: score_sde (`ncsnpp`, biggan blocks, progressive none); authors' code for the latent paths.
    Parameters are registered in the order of the authors' code: latent path, time embedding, down, middle, up.
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
        embedding: EmbeddingKind = "fourier",
        fourier_scale: float = 16.0,
        code_size: int | None = 128,
        bottleneck_injection: bool = True,
        input_pyramid: InputPyramid = "residual",
        code_path: CodePathKind = "linear",
        code_time: bool = False,
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
            embedding_size=4 * nf if code_size is None else 8 * nf,
            dropout=dropout,
            fir=fir,
        )
        middle = shape.width(shape.levels - 1)
        self.image_shape = (channels, image_size, image_size)
        self.conditioning: CodePath | None = None
        if code_size is not None:
            self.conditioning = build_code_path(
                code_path, shape, code_size=code_size, timed=code_time, bottleneck_injection=bottleneck_injection
            )
            middle += self.conditioning.map_channels
        self.embedding = NoiseEmbedding(nf, embedding, fourier_scale)
        self.down = DownPath(shape, channels=channels, input_pyramid=input_pyramid)
        self.middle_channels, self.middle = middle, Middle(shape, middle)
        self.up = UpPath(shape, in_channels=middle, channels=channels, skip_channels=self.down.skip_channels)

    def forward(self, x: Tensor, noise_level: Tensor, z: Tensor | None = None) -> Tensor:
        """Apply the network.

        Args:
            x: Noisy images [B, C, H, W], scaled by the caller; they are not rescaled here.
            noise_level: [B]; sigma > 0 for the Fourier embedding, any number for the positional one (VP passes 999 t).
            z: Codes [B, code_size]; None if the network is unconditional.

        Returns:
            [B, C, H, W], *not* divided by sigma. For the score of a VE process, the caller divides by sigma; for that
            of a VP process, by minus the standard deviation of the noise.

        Raises:
            UserError: If the images have another shape than the network, or a code is missing or not expected.
        """
        h, activated, maps = self._to_middle(x, noise_level, z)
        image: Tensor = self.up(h, activated, maps)
        return image

    def middle_activation(self, x: Tensor, noise_level: Tensor) -> Tensor:
        """Return the output of the whole middle block [B, middle_channels, R, R] of an unconditional network.

        Arguments and errors are those of `forward`. R is the lowest resolution. The upward path is not computed.
        """
        return self._to_middle(x, noise_level, None)[0]

    def _to_middle(self, x: Tensor, noise_level: Tensor, z: Tensor | None) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return the middle block's output, the embedding after SiLU, and the maps of the downward path."""
        self._check(x, z)
        embedding, u = self.embedding(noise_level), None
        if self.conditioning is not None:
            embedding, u = self.conditioning(embedding, z)
        activated = F.silu(embedding)
        maps: list[Tensor] = self.down(x, activated)
        h = maps[-1] if self.conditioning is None else self.conditioning.inject(maps[-1], u)
        return self.middle(h, activated), activated, maps

    def _check(self, x: Tensor, z: Tensor | None) -> None:
        if x.shape[1:] != self.image_shape:
            raise UserError(f"NCSNpp: images of shape {tuple(x.shape[1:])}; this network takes {self.image_shape}")
        if (self.conditioning is None) != (z is None):
            message = "codes are missing" if z is None else "codes were given to an unconditional network"
            raise UserError(f"NCSNpp: {message}; pass codes if and only if code_size is set")
