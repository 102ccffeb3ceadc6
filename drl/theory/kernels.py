"""Compare the closed-form mean and variance of p(x_t | x_0) with a simulation of dx = f dt + g dw."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from drl.diffusion.sde import SDE, perturb

X_0 = 1.0  # a pixel one deviation from the mean


@dataclass(frozen=True)
class KernelErrors:
    """Differences between a simulation and the closed form at one t, relative to the closed form.

    Attributes:
        t: The time.
        mean: Difference of the means, divided by the root mean square of x_t.
        mean_error: Standard error of `mean` from the finite number of paths.
        variance: Difference of the variances, divided by the variance.
        variance_error: Standard error of `variance` from the finite number of paths.
    """

    t: float
    mean: float
    mean_error: float
    variance: float
    variance_error: float


def kernel_errors(
    sde: SDE, times: Sequence[float], paths: int, steps: int, generator: torch.Generator
) -> Iterator[KernelErrors]:
    """Simulate paths from x_0 = 1 by Euler-Maruyama, and compare them with the kernel at the given times.

    Paths start from the kernel at t = 0, whose noise under VE is sigma_min (authors' code), not 0 (paper).

    Args:
        sde: The SDE. Its drift and diffusion are simulated and compared with its mean factor and deviation.
        times: Times in [0, 1]; the comparison is at the step nearest to each.
        paths: Number of paths.
        steps: Number of steps from t = 0 to 1.
        generator: Source of the increments.
    """
    start = torch.zeros(paths, dtype=torch.float64)
    x = perturb(sde, X_0 + start, start, torch.randn(paths, generator=generator, dtype=torch.float64))
    for step in range(steps + 1):
        t = torch.tensor(step / steps, dtype=torch.float64)
        yield from (_compare(sde, value, t, x) for value in times if round(value * steps) == step)
        noise = torch.randn(paths, generator=generator, dtype=torch.float64)
        x = x + sde.drift(x, t) / steps + sde.diffusion(t) * noise / math.sqrt(steps)


def _compare(sde: SDE, named: float, t: torch.Tensor, x: torch.Tensor) -> KernelErrors:
    mean, std = float(sde.mean_factor(t)) * X_0, float(sde.std(t))
    size, n = math.hypot(mean, std), len(x)
    # If the deviation is 0 (VP at t = 0), no path has moved.
    variance = float(x.var()) / std**2 - 1 if std else float(x.var())
    return KernelErrors(
        named,
        (float(x.mean()) - mean) / size,
        std / size / math.sqrt(n),
        variance,
        math.sqrt(2 / (n - 1)) if std else 0.0,
    )
