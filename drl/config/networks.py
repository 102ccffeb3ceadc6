"""Settings of the networks: the encoder E(x, t) and the score network s(x_t, t, z)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from drl.config.base import Count, Positive, Settings, Width


class WideResNetSettings(Settings):
    """WRN-depth-width with time (authors' code, models/wrn.py). Its code has 64 x width entries."""

    kind: Literal["wide_resnet"] = "wide_resnet"
    depth: int = Field(28, ge=10, le=1000, description="6 n + 4 layers, with n blocks per stage. Paper App. F: 28.")
    width: Count = Field(2, le=1024, description="Channel multiplier; the code has 64 x width entries. Paper: 2.")
    nf: Width = Field(16, description="Fourier frequencies of the time embedding. Authors' code: 16.")
    fourier_scale: Positive = Field(
        16.0, description="Standard deviation of the Fourier frequencies. Authors' code: 16."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout inside the blocks. Authors' code: 0.")

    @model_validator(mode="after")
    def _depth_divides(self) -> WideResNetSettings:
        if self.depth % 6 != 4:
            raise ValueError(f"depth must be 6 n + 4 (10, 16, 22, 28, …), not {self.depth}")
        return self

    @property
    def code_size(self) -> int:
        """Number of entries of z."""
        return 64 * self.width


class UNet(Settings):
    """Sizes shared by the networks made of U-Net parts (Song et al. 2021, App. C.1)."""

    nf: int = Field(16, ge=4, le=65536, description="Channels at full resolution. Authors' code: 16.")
    channel_multipliers: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field(
        (1, 2, 2, 2),
        min_length=1,
        max_length=10,
        description="Channels of each level, as multiples of nf. Authors' code: 1, 2, 2, 2.",
    )
    blocks: Count = Field(2, le=50, description="Residual blocks per level. Authors' code: 2.")
    attention_resolutions: tuple[int, ...] = Field(
        (16,),
        max_length=32,
        description="Levels with self-attention, by resolution in pixels; the middle always has self-attention.",
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Authors' code: 0.1.")

    @model_validator(mode="after")
    def _groups_divide(self) -> UNet:
        for multiplier in self.channel_multipliers:
            channels = self.nf * multiplier
            if channels % 4 or channels % min(channels // 4, 32):
                raise ValueError(
                    f"nf x channel_multipliers gives {channels} channels, which group normalisation cannot divide; "
                    "use multiples of 4 (of 32 above 128)"
                )
        return self


class NCSNppSettings(UNet):
    """NCSN++ U-Net (Song et al. 2021, App. C.1) in the authors' small configuration."""

    kind: Literal["ncsnpp"] = "ncsnpp"
    embedding: Literal["fourier", "positional"] = Field(
        "fourier", description="Embedding of the noise level. Authors' code: fourier under VE, positional under VP."
    )
    fourier_scale: Positive = Field(16.0, description="Authors' code: 16.")
    scale_by_sigma: bool = Field(
        True, description="Divide the output by sigma(t). Authors' code: on under VE, off under VP."
    )
    bottleneck_injection: bool = Field(
        True, description="Also concatenate a map made from the code at the bottleneck. Authors' code, not paper."
    )
    input_pyramid: Literal["residual", "none"] = Field(
        "residual", description="Feed down-sampled inputs into each level. Authors' code: residual."
    )
    code_path: Literal["linear", "dense_map", "dense_middle"] = Field(
        "linear",
        description="How the code enters the network. linear: the 128-d models (authors' code). dense_map, "
        "dense_middle: several dense layers, and at the bottleneck a map or separate blocks (2-d CIFAR-10 and "
        "MNIST models).",
    )
    fir: bool = Field(
        False, description="Smooth with [1, 3, 3, 1] when resampling. Authors' code: on for 2-d CIFAR-10 models."
    )


class UNetEncoderSettings(UNet):
    """The down-sampling half of a U-Net and three dense layers (paper App. D; authors' JAX code)."""

    kind: Literal["unet"] = "unet"
    code_size: Width = Field(2, description="Entries of z. Paper: 2 (Fig. 8: 8; Fig. 7: 2, 4, 8, 16).")
    head: Literal["narrow", "wide"] = Field(
        "narrow", description="Shape before the dense layers. narrow: MNIST models; wide: CIFAR-10 models."
    )
    time: bool = Field(False, description="Whether the code depends on t. Authors: only in Fig. 8.")
    fourier_scale: Positive = Field(16.0, description="As in wide_resnet; used only with time: true.")
    fir: bool = Field(False, description="As in ncsnpp.")
    input_pyramid: Literal["residual", "none"] = Field("none", description="As in ncsnpp.")
    log_variance_offset: float = Field(
        5.0, description="Subtracted from the log-variance of a Gaussian code. Authors' JAX code: 5."
    )


class ConvEncoderSettings(Settings):
    """Four strided convolutions and three dense layers: the authors' stand-alone autoencoders (Fig. 8)."""

    kind: Literal["convolutional"] = "convolutional"
    code_size: Width = Field(8, description="Entries of z. Paper Fig. 8: 8.")


class UNetDecoderSettings(UNet):
    """The up-sampling half of NCSN++ without skips, conditional on time: decoder of 128-d codes (authors' code)."""

    kind: Literal["unet"] = "unet"
    embedding: Literal["fourier", "positional"] = Field("fourier", description="As in ncsnpp.")
    fourier_scale: Positive = Field(16.0, description="As in ncsnpp.")
    output: Literal["linear", "sigmoid"] = Field(
        "linear", description="The output that recon l2 compares with the pixels; bce always takes logits."
    )


class ConvDecoderSettings(Settings):
    """Three dense layers and three transposed convolutions: the authors' stand-alone autoencoders (Fig. 8)."""

    kind: Literal["convolutional"] = "convolutional"
    output: Literal["linear", "sigmoid"] = Field("sigmoid", description="As in unet. Authors' code: sigmoid.")


EncoderSettings = Annotated[WideResNetSettings | UNetEncoderSettings | ConvEncoderSettings, Field(discriminator="kind")]
DecoderSettings = Annotated[UNetDecoderSettings | ConvDecoderSettings, Field(discriminator="kind")]
ScoreSettings = NCSNppSettings
