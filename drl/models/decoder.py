"""The reconstruction decoder of autoencoders: from the bottleneck map back to an image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from drl.models.paths import Middle, UNetShape, UpPath


class ReconstructionDecoder(nn.Module):
    """The middle and the way up of NCSN++, without skips, from the map and embedding of a `CodeConditioning`.

    Args:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        channels: Channels of the images.
        nf: Base width; the map has 2 nf channels, the embedding 8 nf numbers.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first.
        blocks: One less than the residual blocks per level, as in the network whose way up it mirrors.
        attention_resolutions: Resolutions in pixels at which the last block is followed by self-attention.
        dropout: Probability in residual blocks.

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
        )
        self.middle = Middle(shape, 2 * nf)
        self.up = UpPath(shape, in_channels=2 * nf, channels=channels)

    def forward(self, u: Tensor, embedding: Tensor) -> Tensor:
        """Decode.

        Args:
            u: Bottleneck map [B, 2 nf, R, R], R the lowest resolution.
            embedding: [B, 8 nf], before any activation.

        Returns:
            [B, channels, H, W]: logits of the pixels for a cross-entropy loss, the pixels themselves for a
            squared one.
        """
        activated = F.silu(embedding)
        image: Tensor = self.up(self.middle(u, activated), activated)
        return image
