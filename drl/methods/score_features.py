"""Score features: the score network's own activations as codes, a baseline without an encoder (beyond the paper)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.diffusion.sde import perturb
from drl.methods.unconditional import Objective as Unconditional
from drl.models.ncsnpp import NCSNpp


class Objective(Unconditional):
    """E(x_0, t) = the mean over positions of h(x_t, t), for the score network of Eq. 5 without a code.

    h [B, channels, R, R] is the output of the whole middle block: residual block, self-attention, residual block. The
    blocks inside it are not read one by one. Training is that of `unconditional`.

    Source: Xiang et al. 2023 (DDAE) for one noisy copy x_t of an image, the mean over positions and averaged weights.
    They chose a block of the upward path by its accuracy. The middle block is our choice: it needs no search.
    """

    score_network: NCSNpp

    @property
    def code_size(self) -> int:
        """Entries of a code: the channels of the middle block."""
        return self.score_network.middle_channels

    @property
    def codes_see_time(self) -> bool:
        """Whether the code depends on t: always."""
        return True

    def encode(self, images: Tensor, t: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return codes [B, D] of x_t with one draw of its noise, or of its mean m(t) x_0 if there is no generator.

        At t = 0 the noise has deviation sigma_min, so that x_t is nearly the image.
        """
        x_0 = self.scale(images)
        if generator is None:
            noise = torch.zeros_like(x_0)
        else:
            noise = torch.randn(images.shape, generator=generator, device=generator.device)
        h = self.score_network.middle_activation(*self.network_input(perturb(self.sde, x_0, t, noise), t))
        return h.float().mean(dim=(2, 3))
