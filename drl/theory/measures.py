"""Estimate the constant of Eq. 6 at one t, and the losses of models on the same draws of x_0 and noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from numpy.polynomial.hermite_e import hermegauss
from torch import Tensor

from drl.diffusion.losses import denoising_score_matching, reduce_entries
from drl.diffusion.sde import SDE, perturb
from drl.theory.mixture import Mixture
from drl.theory.models import REDUCTION, ScoreModel

BLOCK = 5000  # draws at once, so that memory does not grow with the number of draws


@dataclass(frozen=True)
class Mean:
    """A mean of independent draws.

    Attributes:
        value: The mean.
        error: Its standard error.
        n: Number of draws.
    """

    value: float
    error: float
    n: int

    @classmethod
    def of(cls, values: Tensor) -> Mean:
        """Average values [n]."""
        return cls(float(values.mean()), float(values.std()) / math.sqrt(len(values)), len(values))


@dataclass(frozen=True)
class Draws:
    """Pairs of x_0 and noise at one t, in float64.

    Attributes:
        sde: The kernel.
        t: Scalar.
        x_0: [n, d].
        noise: z [n, d].
        x_t: The perturbed x_0 [n, d].
        score: grad log p_t(x_t).
    """

    sde: SDE
    t: Tensor
    x_0: Tensor
    noise: Tensor
    x_t: Tensor
    score: Tensor

    def denoising(self, score: Tensor) -> Tensor:
        """Return each draw's denoising loss with lambda(t) = std(t)^2 [n], for scores [n, d]."""
        return denoising_score_matching(score, self.noise, self.sde.std(self.t).expand(len(self.noise)), REDUCTION)

    def explicit(self, score: Tensor) -> Tensor:
        """Return each draw's explicit loss (paper Eq. 3) against the exact score, with the same weighting [n]."""
        return reduce_entries((self.sde.std(self.t) * (score - self.score)) ** 2, REDUCTION)


def draw(mixture: Mixture, sde: SDE, t: float, n: int, generator: torch.Generator) -> Iterator[Draws]:
    """Draw n pairs of x_0 and noise at t, in blocks."""
    time = torch.tensor(t, dtype=torch.float64)
    for start in range(0, n, BLOCK):
        x_0, _ = mixture.sample(min(BLOCK, n - start), generator)
        noise = torch.randn(x_0.shape, generator=generator, dtype=torch.float64)
        x_t = perturb(sde, x_0, time.expand(len(x_0)), noise)
        yield Draws(sde, time, x_0, noise, x_t, mixture.score(sde, x_t, time))


def constant(mixture: Mixture, sde: SDE, t: float, n: int, generator: torch.Generator) -> Mean:
    """Estimate lambda(t) c(t), c(t) = E |grad log p_0t(x_t|x_0) - grad log p_t(x_t)|^2 (paper Eq. 6), from n draws.

    This is the denoising loss of the exact score, with lambda(t) = std(t)^2 and half the sum over entries.
    """
    blocks = draw(mixture, sde, t, n, generator)
    return Mean.of(torch.cat([block.denoising(block.score) for block in blocks]))


def constant_by_quadrature(mixture: Mixture, sde: SDE, t: float, nodes: int) -> float:
    """Compute the same constant with a different formula and without random numbers.

    The two scores differ by m (x_0 - E[x_0|x_t]) / std^2, so lambda c = m^2 / std^2 E tr Cov(x_0 | x_t). The trace is
    a sum over independent factors. Each perturbed component of each factor is integrated by Gauss-Hermite quadrature.

    Args:
        mixture: A mixture of few dimensions, or a product of such mixtures.
        sde: The kernel.
        t: In [0, 1], with std(t) > 0.
        nodes: Number of nodes along each direction.
    """
    if mixture.factors:
        return sum(constant_by_quadrature(factor, sde, t, nodes) for factor in mixture.factors)
    time = torch.tensor(t, dtype=torch.float64)
    m, std = sde.mean_factor(time), sde.std(time)
    places, weights = hermegauss(nodes)
    grid = torch.tensor(list(product(places, repeat=mixture.dimensions)), dtype=torch.float64)
    weight = torch.tensor(list(product(weights, repeat=mixture.dimensions)), dtype=torch.float64).prod(1)
    weight /= weight.sum()
    width = torch.sqrt(m**2 * mixture.spread**2 + std**2)
    traces = [weight @ mixture.posterior_trace(sde, m * mean + width * grid, time) for mean in mixture.means]
    return float(0.5 * m**2 / std**2 * torch.stack(traces).mean())


def losses(mixture: Mixture, models: dict[str, ScoreModel], t: float, n: int, generator: torch.Generator) -> Losses:
    """Measure the constant and the denoising losses of models at t, all on the same draws.

    Args:
        mixture: The mixture that the models were trained on.
        models: Score models by name, all with the same kernel.
        t: In [0, 1].
        n: Number of draws.
        generator: Source of randomness.
    """
    sde = next(iter(models.values())).sde
    floor: list[Tensor] = []
    denoising: dict[str, list[Tensor]] = {name: [] for name in models}
    explicit: dict[str, list[Tensor]] = {name: [] for name in models}
    for block in draw(mixture, sde, t, n, generator):
        floor.append(block.denoising(block.score))
        times = torch.full((len(block.x_0),), t)
        for name, model in models.items():
            z = model.code(block.x_0.float(), times)
            score = model.score(block.x_t.float(), times, z).double()
            denoising[name].append(block.denoising(score))
            explicit[name].append(block.explicit(score))
    return Losses(
        torch.cat(floor),
        {name: torch.cat(values) for name, values in denoising.items()},
        {name: torch.cat(values) for name, values in explicit.items()},
    )


@dataclass(frozen=True)
class Losses:
    """Losses of each draw at one t.

    Attributes:
        floor: Denoising loss of the exact score [n]; its mean is the constant of Eq. 6.
        denoising: Denoising loss of each model [n].
        explicit: Explicit loss of each model: the weighted squared distance of its score to the exact one [n].
    """

    floor: Tensor
    denoising: dict[str, Tensor]
    explicit: dict[str, Tensor]

    def excess(self, name: str) -> Mean:
        """Return how far a model's denoising loss lies above the constant; negative if it lies below."""
        return Mean.of(self.denoising[name] - self.floor)

    def identity_gap(self, name: str) -> Mean:
        """Return denoising loss - constant - explicit loss, which by Eq. 6 is 0 for an unconditional model."""
        return Mean.of(self.denoising[name] - self.floor - self.explicit[name])
