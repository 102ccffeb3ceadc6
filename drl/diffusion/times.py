"""Draw t for training (paper section 3.3 and App. H)."""

from __future__ import annotations

import torch
from torch import Tensor

from drl.config.diffusion import SigmaUniformTimes, SingleTime, TimesSettings
from drl.diffusion.sde import SDE, VE


def sample_times(settings: TimesSettings, sde: SDE, n: int, generator: torch.Generator) -> Tensor:
    """Draw n times.

    Args:
        settings: A recipe's `times` section. `uniform`: t ~ U[epsilon, 1]. `sigma_uniform`: sigma ~ U[sigma_min,
            sigma_max] and t = ln(sigma / sigma_min) / ln(sigma_max / sigma_min), which puts most t near 1 ("focus on
            high noise"). `single`: always the same t.
        sde: The SDE; sigma_uniform needs VE.
        n: Number of times.
        generator: Source of randomness; t is on its device.

    Returns:
        t [n] in [0, 1], float32.
    """
    if isinstance(settings, SingleTime):
        return torch.full((n,), settings.t, device=generator.device)
    u = torch.rand(n, generator=generator, device=generator.device)
    if isinstance(settings, SigmaUniformTimes):
        assert isinstance(sde, VE)
        return sde.time_of_sigma(sde.sigma_min + u * (sde.sigma_max - sde.sigma_min)).clamp(0, 1)
    return settings.epsilon + u * (1 - settings.epsilon)
