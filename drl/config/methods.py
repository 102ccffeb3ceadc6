"""Settings of each method: the weights in its objective. Each method has one class, which `kind` selects.

They are here and not beside the objectives, because reading the configuration must not import torch.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from drl.config.base import Positive, Settings, Width
from drl.config.diffusion import Time
from drl.errors import UserError, nearest, shown

Network = Literal["score", "decoder"]
Probability = Annotated[float, Field(ge=0, le=1)]
PAPER = (
    "Mittal, Abstreiter, Bauer, Schölkopf, Mehrjou: *Diffusion Based Representation Learning*, ICML 2023 "
    "([arXiv:2105.14257](https://arxiv.org/abs/2105.14257))"
)
SIMCLR = (
    "Chen, Kornblith, Norouzi, Hinton: *A Simple Framework for Contrastive Learning of Visual Representations*, "
    "ICML 2020"
)
DDAE = (
    "Xiang, Yang, Huang, Wang: *Denoising Diffusion Autoencoders are Unified Self-supervised Learners*, ICCV 2023 "
    "([arXiv:2303.09769](https://arxiv.org/abs/2303.09769))"
)


class MethodBase(Settings):
    """Base of the methods' settings.

    Attributes:
        network: The network that a method has besides its encoder.
        codes_by: The network that makes its codes. Without an encoder, the score network can; None: there are no codes.
        noisy_codes: Whether its code is by definition one of x_t, so that noise is drawn wherever images are encoded.
        goal: Its objective in words, for model cards.
        source: The source of the objective.
    """

    network: ClassVar[Network | None] = None
    codes_by: ClassVar[Literal["encoder", "score"] | None] = "encoder"
    noisy_codes: ClassVar[bool] = False
    goal: ClassVar[str] = "an objective of its own"
    source: ClassVar[str] = "none is known"


class DeterministicCodeSettings(MethodBase):
    """Settings of all methods whose code has an L1 penalty."""

    l1_weight: float = Field(1e-5, ge=0, description="lambda of the L1 norm of z. Paper App. D: 1e-5.")


class GaussianCodeSettings(MethodBase):
    """Settings of all methods whose code is Gaussian, with a KL penalty."""

    kl_weight: float = Field(
        1e-5,
        ge=0,
        description="lambda of the KL divergence to N(0, I), per image. Authors' README: 1e-5 (paper App. D: 1e-7, "
        "for the 2-d models, whose KL was summed over the batch).",
    )


class MixupSettings(MethodBase):
    """Settings of all methods that can mix the images that the encoder sees."""

    mixup: bool = Field(
        False,
        description="Mixup-DRL (Table 5): the encoder sees lam x0 + (1 - lam) x0', the image's loss is weighted 2 lam.",
    )


class DRLSettings(MixupSettings, DeterministicCodeSettings):
    """Diffusion based representation learning with a deterministic code (paper Eq. 8)."""

    network: ClassVar[Network | None] = "score"
    goal: ClassVar[str] = "conditional denoising score matching, with an L1 penalty on the code"
    source: ClassVar[str] = f"{PAPER}, Eqs. 7 and 8"
    kind: Literal["drl"] = "drl"


class VDRLSettings(MixupSettings, GaussianCodeSettings):
    """Variational DRL: a Gaussian code with a KL penalty (paper Eq. 8, section 2.1)."""

    network: ClassVar[Network | None] = "score"
    goal: ClassVar[str] = "conditional denoising score matching, with a Gaussian code and a KL penalty"
    source: ClassVar[str] = f"{PAPER}, section 2.1"
    kind: Literal["vdrl"] = "vdrl"


class CDAESettings(DeterministicCodeSettings):
    """Conditional denoising autoencoder: the conditional network predicts x_0 instead of the score (paper App. F)."""

    network: ClassVar[Network | None] = "score"
    goal: ClassVar[str] = "denoising of the image by a network that is told the code"
    source: ClassVar[str] = f"{PAPER}, App. F"
    kind: Literal["cdae"] = "cdae"


class ReconstructionSettings(MethodBase):
    """Settings of all methods whose decoder makes images from codes."""

    network: ClassVar[Network | None] = "decoder"
    recon: Literal["l2", "bce"] = Field(
        "l2",
        description="l2: squared error on scaled pixels (successor's default). bce: cross-entropy on pixels in [0, 1], "
        "with any scaling (authors' code; paper App. G).",
    )


class AutoencoderSettings(ReconstructionSettings):
    """Settings of all methods that reconstruct images from the images' own codes."""

    dequantise: bool = Field(
        False, description="Add U(0, 1) / 256 to pixels in [0, 1] (authors' stand-alone autoencoders)."
    )


class AESettings(AutoencoderSettings, DeterministicCodeSettings):
    """Autoencoder: reconstructs x_0 from its code."""

    goal: ClassVar[str] = "reconstruction of the image from its code"
    source: ClassVar[str] = f"{PAPER}, section 3.1"
    kind: Literal["ae"] = "ae"
    l1_weight: float = Field(0.0, ge=0, description="Weight of the L1 norm of z. Successor: 0 (Fig. 8: 1e-5).")


class VAESettings(AutoencoderSettings, GaussianCodeSettings):
    """Variational autoencoder: a Gaussian code with a KL penalty."""

    goal: ClassVar[str] = "reconstruction of the image from a Gaussian code, with a KL penalty"
    source: ClassVar[str] = f"{PAPER}, section 3.1"
    kind: Literal["vae"] = "vae"
    kl_weight: float = Field(1.0, ge=0, description="Weight of the KL divergence, per image. Successor: 1.")


class DAESettings(ReconstructionSettings):
    """Denoising autoencoder: reconstructs x_0 from the code of x_t, with equal weight for every t (paper App. F)."""

    goal: ClassVar[str] = "reconstruction of the image from the code of a noisy copy"
    source: ClassVar[str] = f"{PAPER}, App. F"
    kind: Literal["dae"] = "dae"


class ContrastiveSettings(MethodBase):
    """Settings of all contrastive methods (Chen et al. 2020)."""

    temperature: Positive = Field(
        0.5, description="Temperature of NT-Xent. Ours: 0.5 (0.07 is the other common value)."
    )
    projection: tuple[Width, ...] = Field(
        (128, 128),
        min_length=1,
        max_length=16,
        description="Widths of the projection head after the code. Ours: 128, 128.",
    )
    t: Time | Literal["random"] = Field(
        "random",
        description="The t of the encoder in training: drawn for each view as in `times`, or always this t. Ours.",
    )


class SimCLRSettings(ContrastiveSettings):
    """SimCLR: augmented copies of an image should have the same code (Chen et al. 2020)."""

    goal: ClassVar[str] = "agreement of the codes of augmented copies of an image"
    source: ClassVar[str] = f"{SIMCLR}; {PAPER}, section 3.1"
    kind: Literal["simclr"] = "simclr"
    crop_scale: tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]] = Field(
        (0.08, 1.0), description="Area of the random crop, as a share of the image's. Successor: 0.08 to 1."
    )
    flip: Probability = Field(0.5, description="Probability of a horizontal flip. Successor: 0.5.")
    jitter: tuple[float, float, float, float] = Field(
        (0.8, 0.8, 0.8, 0.2),
        description="Strength of brightness, contrast, saturation, hue. Successor: 0.8, 0.8, 0.8, 0.2.",
    )
    jitter_probability: Probability = Field(0.8, description="Successor: 0.8.")
    grayscale_probability: Probability = Field(0.2, description="Successor: 0.2.")
    blur_probability: Probability = Field(
        1.0,
        description="Probability of Gaussian blur; none below 20 pixels, where its kernel is one pixel. Successor: 1.",
    )

    @model_validator(mode="after")
    def _in_range(self) -> SimCLRSettings:
        if self.crop_scale[0] > self.crop_scale[1]:
            raise ValueError("crop_scale must be [smallest, largest]")
        if min(self.jitter) < 0 or self.jitter[3] > 0.5:
            raise ValueError("jitter must be at least 0, and its hue at most 0.5")
        return self


class SimCLRGaussSettings(ContrastiveSettings):
    """SimCLR whose only augmentation is Gaussian noise on the pixels (paper section 3.1)."""

    goal: ClassVar[str] = "agreement of the codes of noisy copies of an image"
    source: ClassVar[str] = f"{PAPER}, section 3.1"
    kind: Literal["simclr_gauss"] = "simclr_gauss"
    gauss_std: Positive | Literal["schedule"] = Field(
        "schedule",
        description="Standard deviation of the noise, in units of the scaled pixels. schedule: log-uniform in "
        "[0.01, 1]. Ours.",
    )


class UnconditionalSettings(MethodBase):
    """Denoising score matching without an encoder (paper Eq. 5, App. I)."""

    network: ClassVar[Network | None] = "score"
    codes_by: ClassVar[Literal["encoder", "score"] | None] = None
    goal: ClassVar[str] = "denoising score matching, without a code"
    source: ClassVar[str] = f"{PAPER}, Eq. 5"
    kind: Literal["unconditional"] = "unconditional"


class ScoreFeaturesSettings(MethodBase):
    """The score network's own features: it is trained as in `unconditional`, and its middle gives the codes."""

    network: ClassVar[Network | None] = "score"
    codes_by: ClassVar[Literal["encoder", "score"] | None] = "score"
    noisy_codes: ClassVar[bool] = True
    goal: ClassVar[str] = "denoising score matching, without an encoder; its codes are the score network's own features"
    source: ClassVar[str] = DDAE
    kind: Literal["score_features"] = "score_features"


class SupervisedSettings(MethodBase):
    """The encoder learns the classes, at t = 0. Its codes measure samples if Inception is not available."""

    goal: ClassVar[str] = "cross-entropy of a linear layer on the code"
    source: ClassVar[str] = "no paper; used here to measure samples"
    kind: Literal["supervised"] = "supervised"


MethodSettings = Annotated[
    DRLSettings
    | VDRLSettings
    | CDAESettings
    | AESettings
    | VAESettings
    | DAESettings
    | SimCLRSettings
    | SimCLRGaussSettings
    | UnconditionalSettings
    | ScoreFeaturesSettings
    | SupervisedSettings,
    Field(discriminator="kind"),
]

BY_KIND: dict[str, type[MethodBase]] = {
    settings.model_fields["kind"].default: settings for settings in get_args(get_args(MethodSettings)[0])
}


def stated(kind: str) -> tuple[str, ...]:
    """Return what a method's class states of how its codes are made, if it is not the default; for code digests.

    Raises:
        UserError: If there is no such method; a card may say anything.
    """
    if kind not in BY_KIND:
        raise UserError(f"unknown method {shown(kind)}; {nearest(kind, BY_KIND)}")
    found = BY_KIND[kind]
    return tuple(
        f"{__name__}: {kind}.{name} = {getattr(found, name)}"
        for name in ("codes_by", "noisy_codes")
        if getattr(found, name) != getattr(MethodBase, name)
    )
