"""The encoder of the 128-d experiments: a WideResNet whose blocks are shifted by an embedding of t."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.embeddings import TimeEmbedding
from drl.models.encoder import Encoder
from drl.models.init import linear


class WideBlock(nn.Module):
    """Pre-activation block h = conv(relu(BN(x))) + Linear(embedding), conv(relu(BN(dropout(h)))) + shortcut(x).

    The stride is in the second convolution. The shortcut is a strided 1x1 convolution of the raw input if the shape
    changes, otherwise the identity.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        stride: 1 or 2.
        embedding_size: Size of the embedding; None builds a block without one.
        dropout: Probability of zeroing an activation in training mode.

    Source: authors' code (`wide_basic`).
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, embedding_size: int | None, dropout: float
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.norm_0 = nn.BatchNorm2d(in_channels)
        self.conv_0 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm_1 = nn.BatchNorm2d(out_channels)
        self.conv_1 = nn.Conv2d(out_channels, out_channels, 3, stride=stride, padding=1)
        plain = stride == 1 and in_channels == out_channels
        self.shortcut = None if plain else nn.Conv2d(in_channels, out_channels, 1, stride=stride)
        self.shift = None if embedding_size is None else linear(embedding_size, out_channels)
        self.dropout = dropout

    def forward(self, x: Tensor, embedding: Tensor | None) -> Tensor:
        """Map [B, in_channels, H, W] to [B, out_channels, ceil(H / stride), ceil(W / stride)].

        Args:
            x: Feature maps.
            embedding: [B or 1, embedding_size] *after* its activation; None in a network without time.
        """
        h: Tensor = self.conv_0(F.relu(self.norm_0(x)))
        if self.shift is not None:
            assert embedding is not None
            h = _shifted(h, self.shift, embedding)
        h = F.dropout(h, self.dropout, self.training)
        h = self.conv_1(F.relu(self.norm_1(h)))
        return h + (x if self.shortcut is None else self.shortcut(x))


def _shifted(h: Tensor, shift: nn.Module, embedding: Tensor) -> Tensor:
    """Return feature maps [B, C, H, W] whose channels are shifted by a layer of the embedding [B or 1, E]."""
    if len(embedding) > 1:
        return torch.add(h, shift(embedding)[:, :, None, None])
    # At least in fp32, whatever the precision: the normalisation that follows takes out a shift that all images share,
    # so its gradient is a sum that is zero but for rounding. In bf16 this rounding was up to a hundred times weight
    # decay's pull on t.
    wide = torch.promote_types(h.dtype, torch.float32)
    with torch.autocast(h.device.type, enabled=False):
        return torch.add(h.to(wide), shift(embedding.to(wide))[:, :, None, None])


class WideResNet(Encoder):
    """WRN-depth-width, optionally conditional on time.

    Args:
        channels: Channels of the images.
        depth: 6 n + 4, with n blocks in each of three groups.
        width: Factor of the widths 16, 32, 64 of the groups.
        classes: Number of outputs of the classification head. The head gets no gradient in pretraining.
        time: Whether blocks get an embedding of t. If not, `t` is ignored.
        nf: Fourier frequencies of the time embedding; it has 4 nf numbers.
        fourier_scale: Standard deviation of the frequencies.
        sigma_min: Noise level at t = 0. The embedding is of ln sigma(t), sigma(t) = sigma_min (sigma_max/sigma_min)^t,
            for every process of the score network.
        sigma_max: Noise level at t = 1.
        probabilistic: Whether a linear layer turns the features into mean and log-variance of a code.
        dropout: Probability in the blocks.

    Attributes:
        feature_size: Length of the feature vector, 64 width.
        code_size: The same length.
        param_t: The logit of a learned t, a scalar parameter, initially 0 (only with `time`).
        linear_latent: Layer from features to mean and log-variance (only with `probabilistic`).
        classifier: Layer from features to class logits.

    Raises:
        UserError: If `depth` is not 6 n + 4 with n >= 1, or a number is out of range.

    Initial weights come from torch's default generator: seed it (in a fork) before building.

    Source: paper appendices F and G; authors' code (`Wide_ResNet`, `TimeEmbedding`).
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        depth: int = 28,
        width: int = 2,
        classes: int = 10,
        time: bool = True,
        nf: int = 16,
        fourier_scale: float = 16.0,
        sigma_min: float = 0.01,
        sigma_max: float = 50.0,
        probabilistic: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """Build the layers."""
        super().__init__()
        if depth < 10 or depth % 6 != 4:
            raise UserError(f"WideResNet: depth {depth} is not 6 n + 4 with n of 1 or more; use 10, 16, 22, 28, ...")
        if width < 1:
            raise UserError(f"WideResNet: width {width} is too small; it must be at least 1")
        self.time = time
        if time:
            self.param_t = nn.Parameter(torch.zeros(()))
            self.embedding = TimeEmbedding(nf, fourier_scale=fourier_scale, sigma_min=sigma_min, sigma_max=sigma_max)
        self.conv = nn.Conv2d(channels, 16, 3, padding=1)
        self.blocks = nn.ModuleList()
        planes = 16
        for group in range(3):
            for i in range((depth - 4) // 6):
                out, stride = 16 * width * 2**group, 2 if group > 0 and i == 0 else 1
                size = 4 * nf if time else None
                self.blocks.append(WideBlock(planes, out, stride=stride, embedding_size=size, dropout=dropout))
                planes = out
        self.norm = nn.BatchNorm2d(planes, momentum=0.9)
        self.linear_latent = nn.Linear(planes, 2 * planes) if probabilistic else None
        self.classifier = nn.Linear(planes, classes)
        self.feature_size = self.code_size = planes

    def features(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """Return the pooled activations of the last block.

        Args:
            x: Images [B, C, H, W].
            t: Times [B] in [0, 1]; None means sigmoid(param_t) for the whole batch. Ignored in a network without time.

        Returns:
            [B, feature_size], all >= 0.
        """
        embedding = self._time_embedding(t) if self.time else None
        h: Tensor = self.conv(x)
        for block in self.blocks:
            h = block(h, embedding)
        return F.relu(self.norm(h)).mean(dim=(2, 3))

    def latent(self, x: Tensor, t: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Return the mean of the code [B, feature_size], and its log-variance.

        If the encoder is deterministic, the mean is the feature vector and the log-variance is None.
        """
        features = self.features(x, t)
        if self.linear_latent is None:
            return features, None
        mean, log_variance = self.linear_latent(features).chunk(2, dim=1)
        return mean, log_variance

    def logits(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """Return class logits [B, classes]."""
        logits: Tensor = self.classifier(self.features(x, t))
        return logits

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """Return the features; see `features`."""
        return self.features(x, t)

    def _time_embedding(self, t: Tensor | None) -> Tensor:
        # One row for a learned t broadcasts over the batch, so the embedding is computed once.
        times = torch.sigmoid(self.param_t)[None] if t is None else t
        return F.silu(self.embedding(times))
