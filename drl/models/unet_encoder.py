"""The encoder of the 2-, 4-, 8- and 16-dimensional codes: the downward path of a U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError, nearest
from drl.models.embeddings import TimeEmbedding
from drl.models.encoder import Encoder
from drl.models.init import dense
from drl.models.paths import DownPath, InputPyramid, Middle, Stage, UNetShape

Head = Literal["narrow", "wide"]


class UNetEncoder(Encoder):
    """Convolution and downward path of NCSN++, a head at the lowest resolution, three dense layers.

    With `time`, residual blocks are shifted by an embedding of t. The authors' encoder shares the embedding of the
    score network. Here, it has a separate one of the same design (Fourier features of ln sigma(t), then an MLP). So it
    can be used without a score network, and a frozen encoder does not change.

    Args:
        image_size: Height and width of the images, in pixels; even at every level but the lowest.
        channels: Channels of the images.
        code_size: Number of entries of a code.
        nf: Base width.
        channel_multipliers: Width of each level as a multiple of `nf`, full resolution first.
        blocks: Residual blocks per level.
        attention_resolutions: Resolutions in pixels at which blocks are followed by self-attention.
        dropout: Probability in residual blocks.
        fir: Whether resampling smooths with a FIR filter.
        input_pyramid: `residual` feeds the downsampled image to every level; `none` does not.
        time: Whether blocks get an embedding of t. If not, `t` is ignored.
        fourier_scale: Standard deviation of the random Fourier frequencies.
        sigma_min: Noise level at t = 0.
        sigma_max: Noise level at t = 1.
        head: `narrow` (digits): residual block to `nf` channels, self-attention. `wide` (colour images): residual
            block, self-attention, residual block, all of the lowest level's width.
        probabilistic: Whether the code is Gaussian.
        log_variance_offset: Subtracted from the log-variance, so that codes start with little noise (authors' code: 5).

    Raises:
        UserError: If `image_size` cannot be halved often enough, or a setting is out of range or unknown.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: paper appendix D; authors' first code (JAX, `mnistsmall.Encoder`, `cifarmodel.Encoder`).
    """

    def __init__(
        self,
        *,
        image_size: int,
        channels: int = 3,
        code_size: int = 2,
        nf: int = 32,
        channel_multipliers: Sequence[int] = (1, 2),
        blocks: int = 2,
        attention_resolutions: Sequence[int] = (),
        dropout: float = 0.1,
        fir: bool = False,
        input_pyramid: InputPyramid = "none",
        time: bool = False,
        fourier_scale: float = 16.0,
        sigma_min: float = 0.01,
        sigma_max: float = 50.0,
        head: Head = "narrow",
        probabilistic: bool = False,
        log_variance_offset: float = 0.0,
    ) -> None:
        """Build the layers."""
        super().__init__()
        if head not in ("narrow", "wide"):
            raise UserError(f"UNetEncoder: unknown head {head!r}; {nearest(head, ('narrow', 'wide'))}")
        if code_size < 1:
            raise UserError(f"UNetEncoder: code_size is {code_size}; it must be at least 1")
        shape = UNetShape(
            image_size=image_size,
            nf=nf,
            channel_multipliers=tuple(channel_multipliers),
            blocks=blocks,
            attention_resolutions=tuple(attention_resolutions),
            embedding_size=4 * nf if time else None,
            dropout=dropout,
            fir=fir,
        )
        self.image_shape = (channels, image_size, image_size)
        self.code_size, self.time = code_size, time
        self.probabilistic, self.log_variance_offset = probabilistic, log_variance_offset
        self.embedding = (
            TimeEmbedding(nf, fourier_scale=fourier_scale, sigma_min=sigma_min, sigma_max=sigma_max) if time else None
        )
        self.down = DownPath(shape, channels=channels, input_pyramid=input_pyramid)
        lowest, width = shape.resolution(shape.levels - 1), shape.width(shape.levels - 1)
        self.head = Middle(shape, width) if head == "wide" else Stage(shape, width, nf, attention=True)
        flat = lowest**2 * (width if head == "wide" else nf)
        hidden = 2 * nf if probabilistic or code_size >= nf else nf
        self.dense = nn.ModuleList(
            (dense(flat, 2 * nf), dense(2 * nf, hidden), dense(hidden, code_size * (1 + probabilistic)))
        )

    def latent(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode images; see `Encoder.latent`.

        Raises:
            UserError: If the images have another shape than the network, or `t` is needed and missing.
        """
        if x.shape[1:] != self.image_shape:
            raise UserError(f"UNetEncoder: images of shape {tuple(x.shape[1:])}; this network takes {self.image_shape}")
        embedding = None
        if self.embedding is not None:
            if t is None:
                raise UserError("UNetEncoder: t is missing; pass times to an encoder built with time")
            embedding = F.silu(self.embedding(t))
        h = self.head(self.down(x, embedding)[-1], embedding).flatten(1)
        for layer in self.dense:
            h = layer(F.silu(h))
        if not self.probabilistic:
            return h, None
        mean, log_variance = h.chunk(2, dim=1)
        return mean, log_variance - self.log_variance_offset
