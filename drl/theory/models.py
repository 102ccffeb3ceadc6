"""The models trained on a mixture: a score model without a code, one with a code (DRL), and an autoencoder.

They use the losses, kernels and preconditioning of the rest of the project; only the networks are smaller.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from drl.config.theory import TheorySettings
from drl.diffusion.losses import Reduction, denoising_score_matching, l1_penalty, reduce_entries
from drl.diffusion.preconditioning import edm_score, loss_weight, paper_score
from drl.diffusion.sde import SDE, perturb
from drl.diffusion.times import sample_times
from drl.theory.networks import Mlp, Timed

# The project's convention for every loss and constant of this study.
REDUCTION: Reduction = "half_sum"
SIGMA_DATA = 1.0  # mixtures are scaled to this deviation


class MixtureModel(nn.Module, ABC):
    """Base class of the three models."""

    def __init__(self, settings: TheorySettings, sde: SDE, dimensions: int) -> None:
        """Keep what all models need.

        Args:
            settings: The configuration's `studies.theory`.
            sde: The kernel.
            dimensions: Number of entries of x.
        """
        super().__init__()
        self.settings, self.sde, self.dimensions = settings, sde, dimensions

    def timed(self, entries: int, out: int) -> Timed:
        """Return a network that gets the noise level as input."""
        return Timed(entries, out, self.settings.network)

    @abstractmethod
    def objective(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Return the scalar loss that training minimises, for x_0 [n, d]."""


class Coder(MixtureModel):
    """A model with an encoder E(x_0, t)."""

    encoder: Timed

    def encode(self, x_0: Tensor, t: Tensor) -> Tensor:
        """Return codes [n, c] of x_0 [n, d] at times [n]."""
        z: Tensor = self.encoder(x_0, torch.log(self.sde.effective_sigma(t)))
        return z

    def penalty(self, z: Tensor) -> Tensor:
        """Return the weighted L1 norm, averaged over the batch (paper Eq. 9)."""
        penalty: Tensor = self.settings.l1_weight * l1_penalty(z).mean()
        return penalty


class ScoreModel(MixtureModel):
    """A score network s(x_t, t), trained by denoising score matching (paper Eq. 4)."""

    def __init__(self, settings: TheorySettings, sde: SDE, dimensions: int, code_size: int = 0) -> None:
        """Build the score network, which also takes a code of `code_size` entries."""
        super().__init__(settings, sde, dimensions)
        self.network = self.timed(dimensions + code_size, dimensions)

    def code(self, x_0: Tensor, t: Tensor) -> Tensor | None:
        """Return the code of x_0 [n, d] that the score is conditional on; here None."""
        return None

    def score(self, x_t: Tensor, t: Tensor, z: Tensor | None) -> Tensor:
        """Return s(x_t, t, z) [n, d] at times [n]."""
        told = torch.log(self.sde.effective_sigma(t))

        def network(x: Tensor, label: Tensor, z: Tensor | None) -> Tensor:
            output: Tensor = self.network(x, told, z)
            return output

        if self.settings.objective == "edm":
            return edm_score(network, self.sde, x_t, t, z, SIGMA_DATA)
        return paper_score(network, self.sde, x_t, t, z, scale_by_sigma=True)

    def objective(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Return the weighted denoising loss at random times."""
        return self.denoising(x_0, generator)[0]

    def denoising(self, x_0: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """Return the weighted denoising loss at random times, averaged over the batch, and the codes."""
        t = sample_times(self.settings.times, self.sde, len(x_0), generator)
        noise = torch.randn(x_0.shape, generator=generator)
        z = self.code(x_0, t)
        score = self.score(perturb(self.sde, x_0, t, noise), t, z)
        losses = denoising_score_matching(score, noise, self.sde.std(t), REDUCTION)
        return (loss_weight(self.settings.objective, self.sde, t, SIGMA_DATA) * losses).mean(), z


class ConditionalScoreModel(ScoreModel, Coder):
    """DRL: a score s(x_t, t, E(x_0, t)) and its encoder (paper Eq. 9)."""

    def __init__(self, settings: TheorySettings, sde: SDE, dimensions: int) -> None:
        """Build the score network and the encoder; arguments as in MixtureModel."""
        super().__init__(settings, sde, dimensions, settings.code_size)
        self.encoder = self.timed(dimensions, settings.code_size)

    def code(self, x_0: Tensor, t: Tensor) -> Tensor:
        """Return E(x_0, t)."""
        return self.encode(x_0, t)

    def objective(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Return the weighted denoising loss at random times plus the penalty on the codes."""
        loss, z = self.denoising(x_0, generator)
        assert z is not None
        return loss + self.penalty(z)


class Autoencoder(Coder):
    """DRL's encoder, always at t = 1, and a decoder D(z) as wide and deep as the score network."""

    def __init__(self, settings: TheorySettings, sde: SDE, dimensions: int) -> None:
        """Build the encoder and the decoder; arguments as in MixtureModel."""
        super().__init__(settings, sde, dimensions)
        network, code_size = settings.network, settings.code_size
        self.encoder = self.timed(dimensions, code_size)
        self.decoder = Mlp([code_size, *[network.hidden] * network.depth, dimensions])

    def objective(self, x_0: Tensor, generator: torch.Generator) -> Tensor:
        """Return the squared error of the reconstruction plus the penalty on the codes; nothing is random."""
        z = self.encode(x_0, torch.ones(len(x_0)))
        return reduce_entries((self.decoder(z) - x_0) ** 2, REDUCTION).mean() + self.penalty(z)
