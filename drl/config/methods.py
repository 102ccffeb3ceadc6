"""Settings of each method: the weights in its objective. One class a method, picked by `kind`.

They live here and not beside the objectives, because reading the configuration must not import torch.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drl.config.base import Settings


class DRLSettings(Settings):
    """Diffusion based representation learning with a deterministic code (paper Eq. 8)."""

    needs_score: ClassVar[bool] = True
    kind: Literal["drl"] = "drl"
    l1_weight: float = Field(default=1e-5, ge=0, description="lambda of the L1 norm of z. Paper App. D: 1e-5.")
    mixup: bool = Field(
        default=False,
        description="Mixup-DRL (Table 5): the encoder sees lam x0 + (1 - lam) x0', the image's loss is weighted 2 lam.",
    )


class VDRLSettings(Settings):
    """Variational DRL: a Gaussian code with a KL penalty (paper Eq. 8, section 2.1)."""

    needs_score: ClassVar[bool] = True
    kind: Literal["vdrl"] = "vdrl"
    kl_weight: float = Field(
        default=1e-5,
        ge=0,
        description="lambda of the KL divergence to N(0, I), per image. Authors' README: 1e-5 (paper App. D: 1e-7, "
        "for the 2-d models, whose KL was summed over the batch).",
    )
    mixup: bool = Field(default=False, description="As in drl.")


MethodSettings = Annotated[DRLSettings | VDRLSettings, Field(discriminator="kind")]
