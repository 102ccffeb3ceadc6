"""The small convolution networks of the stand-alone autoencoders."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.encoder import Encoder
from drl.models.init import dense, lecun_normal_

WIDTH, HIDDEN, KERNEL = 32, 256, 4


class ConvEncoder(Encoder):
    """Four convolutions 4x4 of stride 2 and 32 channels, then three dense layers (256, 256, code), with swish between.

    Each convolution halves the size, rounded up (28, 14, 7, 4, 2). The encoder does not depend on time.

    Args:
        image_size: Height and width of the images, in pixels, >= 1.
        channels: Channels of the images.
        code_size: Number of entries of a code, >= 1.
        probabilistic: Whether the code is Gaussian; the last layer is then twice as wide.

    Raises:
        UserError: If a size is below 1.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: authors' first code (JAX, `train_cifar_ae`, `train_cifar_vae`).
    """

    time = False

    def __init__(self, *, image_size: int, channels: int = 3, code_size: int = 8, probabilistic: bool = False) -> None:
        """Build the layers."""
        super().__init__()
        _check("ConvEncoder", image_size=image_size, channels=channels, code_size=code_size)
        self.image_shape = (channels, image_size, image_size)
        self.code_size, self.probabilistic = code_size, probabilistic
        self.convs = nn.ModuleList(_conv(i, WIDTH, stride=2, padding=1) for i in (channels, WIDTH, WIDTH, WIDTH))
        lowest = -(-image_size // 16)
        self.dense = nn.ModuleList(
            (dense(WIDTH * lowest**2, HIDDEN), dense(HIDDEN, HIDDEN), dense(HIDDEN, code_size * (1 + probabilistic)))
        )

    def latent(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Encode images; `t` is ignored. See `Encoder.latent`.

        Raises:
            UserError: If the images have another shape than the network.
        """
        if x.shape[1:] != self.image_shape:
            raise UserError(f"ConvEncoder: images of shape {tuple(x.shape[1:])}; this network takes {self.image_shape}")
        h = x
        for conv in self.convs:
            odd = h.shape[-1] % 2
            # An odd size needs three pixels of padding; "SAME" adds the third one at the right and at the bottom.
            h = F.silu(conv(F.pad(h, (0, odd, 0, odd)) if odd else h))
        h = h.flatten(1)
        first, second, last = self.dense
        h = last(F.silu(second(F.silu(first(h)))))
        if not self.probabilistic:
            return h, None
        mean, log_variance = h.chunk(2, dim=1)
        return mean, log_variance


class ConvDecoder(nn.Module):
    """Three dense layers (256, 256, 32 s s), three transposed convolutions 4x4 of stride 2, one convolution 4x4.

    s is an eighth of the image size, rounded up. If the result is larger than the image, it is cropped evenly at the
    edges. There is a swish after every layer except the last.

    Args:
        image_size: Height and width of the images, in pixels, >= 1.
        channels: Channels of the images.
        code_size: Number of entries of a code, >= 1.

    Raises:
        UserError: If a size is below 1.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: authors' first code (JAX, `train_cifar_ae`, `train_cifar_vae`; images of other sizes than 32 are ours).
    """

    def __init__(self, *, image_size: int, channels: int = 3, code_size: int = 8) -> None:
        """Build the layers."""
        super().__init__()
        _check("ConvDecoder", image_size=image_size, channels=channels, code_size=code_size)
        self.image_size, self.lowest = image_size, -(-image_size // 8)
        self.dense = nn.ModuleList(
            (dense(code_size, HIDDEN), dense(HIDDEN, HIDDEN), dense(HIDDEN, WIDTH * self.lowest**2))
        )
        self.convs = nn.ModuleList(_transposed_conv() for _ in range(3))
        self.last = _conv(WIDTH, channels)

    def forward(self, z: Tensor, noise_level: Tensor | None = None) -> Tensor:
        """Decode codes.

        Args:
            z: Codes [B, code_size].
            noise_level: Ignored; other decoders need one.

        Returns:
            Logits [B, channels, H, W]; the caller applies the sigmoid.
        """
        h = z
        for layer in self.dense:
            h = F.silu(layer(h))
        h = h.reshape(len(h), WIDTH, self.lowest, self.lowest)
        for conv in self.convs:
            h = F.silu(conv(h))
        # "SAME" padding of an even kernel: one pixel before, two after.
        logits: Tensor = self.last(F.pad(h, (1, 2, 1, 2)))
        start = (8 * self.lowest - self.image_size) // 2
        end = start + self.image_size
        return logits[..., start:end, start:end]


def _check(network: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise UserError(f"{network}: {name} is {size}; it must be at least 1")


def _conv(in_channels: int, out_channels: int, *, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, out_channels, KERNEL, stride=stride, padding=padding)
    _initialise(layer, in_channels)
    return layer


def _transposed_conv() -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(WIDTH, WIDTH, KERNEL, stride=2, padding=1)
    _initialise(layer, WIDTH)
    return layer


def _initialise(layer: nn.Conv2d | nn.ConvTranspose2d, in_channels: int) -> None:
    lecun_normal_(layer.weight, in_channels * KERNEL**2)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
