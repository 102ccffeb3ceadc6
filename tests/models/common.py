"""What the tests of the networks share."""

from __future__ import annotations

import torch
from torch import nn


def parameters(module: nn.Module) -> int:
    """Count trainable numbers."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def seeded(build, /, *args, seed: int = 0, **settings):
    """Build a module without touching the default generator for others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(*args, **settings)


def shaken(module: nn.Module, scale: float = 0.1, seed: int = 1) -> nn.Module:
    """Add noise to every parameter, so that nothing is zero and nothing cancels; put into eval mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p += scale * torch.randn(p.shape, generator=generator)
    return module.eval()


def normal(*shape: int, seed: int = 2) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
