"""One step of each predictor and corrector (Song et al. 2021, arXiv 2011.13456, App. D to G).

All are pure functions of x [B, C, H, W], the score at x, and noise with the shape of x. A grid of N steps runs from
t = 1 down to epsilon; step i = 0 .. N - 1 has t_i = 1 - i (1 - epsilon) / (N - 1) and noise level k = N - 1 - i of N.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from drl.diffusion.sde import SDE, VE, VP, per_image


@dataclass(frozen=True)
class Grid:
    """The times at which a sampler calls the score, and the discrete SDE between them.

    Attributes:
        sde: VE or VP.
        steps: N. Paper: 1,000.
        epsilon: The last t. Authors' code: 1e-5 under VE, 1e-3 under VP.
    """

    sde: SDE
    steps: int
    epsilon: float

    @cached_property
    def times(self) -> Tensor:
        """t_i, float64 [N], descending from 1 to epsilon."""
        return torch.linspace(1.0, self.epsilon, self.steps, dtype=torch.float64)

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor]:
        """Factor on x_{k-1} and variance added in the discrete chain x_{k-1} -> x_k, for each step; float64 [N] each.

        VE: 1 and sigma_k^2 - sigma_{k-1}^2, N levels log-spaced, sigma_{-1} = 0 (Eq. 46 of Song et al.).
        VP: sqrt(1 - beta_k) and beta_k = (beta_min + k (beta_max - beta_min) / (N - 1)) / N (Eq. 33).
        """
        sde, n = self.sde, self.steps
        if isinstance(sde, VE):
            levels = sde.std(torch.linspace(0.0, 1.0, n, dtype=torch.float64))
            variance = levels**2 - torch.cat((levels.new_zeros(1), levels[:-1])) ** 2
            return torch.ones_like(variance), variance.flip(0)
        assert isinstance(sde, VP)
        beta = torch.linspace(sde.beta_min / n, sde.beta_max / n, n, dtype=torch.float64).flip(0)
        return torch.sqrt(1 - beta), beta

    def first_step(self, t_init: float) -> int:
        """Return the first step of a chain that starts at t_init: floor((1 - t_init) N) (authors' JAX code)."""
        # In floating point, 1 - 0.9 is a little less than 0.1. This must not change the step.
        return min(int((1 - t_init) * self.steps + 1e-9), self.steps - 1)


def reverse_diffusion(grid: Grid, step: int, x: Tensor, score: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next x and its mean: x_mean = (2 - a) x + G^2 s, x' = x_mean + G z (Song et al. Eq. 46).

    Args:
        grid: Times and discrete SDE.
        step: i.
        x: At t_i [B, C, H, W].
        score: s(x, t_i).
        noise: z ~ N(0, I).
    """
    factor, variance = (float(values[step]) for values in grid.scales)
    mean = (2 - factor) * x + variance * score
    return mean + variance**0.5 * noise, mean


def euler_maruyama(grid: Grid, step: int, x: Tensor, score: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next x and its mean: x_mean = x - (f - g^2 s) / N, x' = x_mean + g z / sqrt(N).

    Arguments as in `reverse_diffusion`.
    """
    t = grid.times[step]
    squared = float(grid.sde.diffusion(t)) ** 2 / grid.steps
    # A copy of t from the host would make a GPU wait.
    drift = grid.sde.drift(x, x.new_full((), float(t)))
    mean = x - drift / grid.steps + squared * score
    return mean + squared**0.5 * noise, mean


def langevin(
    grid: Grid, step: int, x: Tensor, score: Tensor, noise: Tensor, snr: float, over_batch: bool
) -> tuple[Tensor, Tensor]:
    """Return x after one step of annealed Langevin dynamics, and its mean (Song et al. Algorithms 4 and 5).

    x_mean = x + e s, x' = x_mean + sqrt(2 e) z with e = 2 a^2 (snr |z| / |s|)^2.

    Args:
        grid: Times and discrete SDE.
        step: i.
        x: At t_i [B, C, H, W].
        score: s(x, t_i).
        noise: z ~ N(0, I).
        snr: Signal-to-noise ratio. Song: 0.16.
        over_batch: Average the norms over the batch, as in the authors' code; a sample then depends on its batch.
    """
    norms = [value.flatten(1).norm(dim=1) for value in (noise, score)]
    if over_batch:
        norms = [value.mean().expand_as(value) for value in norms]
    # A score of exactly zero gives no direction, so x does not move; the division would make the step infinite.
    ratio = torch.where(norms[1] > 0, snr * norms[0] / norms[1], 0)
    size = per_image(2 * float(grid.scales[0][step]) ** 2 * ratio**2, x)
    mean = x + size * score
    return mean + torch.sqrt(2 * size) * noise, mean
