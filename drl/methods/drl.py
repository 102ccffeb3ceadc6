"""DRL: a deterministic code with an L1 penalty (paper Eq. 8)."""

from __future__ import annotations

from torch import Tensor

from drl.diffusion.losses import l1_penalty
from drl.methods.conditional import ConditionalScoreMatching


class Objective(ConditionalScoreMatching):
    """Z = E(x_0, t) is the encoder's pooled feature vector itself, so no entry is negative (authors' code)."""

    def code(self, x_0: Tensor, t: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return z and lambda |z|_1."""
        z, _ = self.encoder.latent(x_0, t)
        z = z.float()
        return z, self.recipe["method"]["l1_weight"] * l1_penalty(z)
