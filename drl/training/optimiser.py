"""Adam with linear warm-up and gradient clipping (Song et al. 2021, with the options of the authors' code)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from drl.config.recipes import OptimiserSettings


class WarmedAdam:
    """Adam with clipping by the global norm of the gradients. Its rate rises linearly from 0 and may then fall."""

    def __init__(self, parameters: Iterable[nn.Parameter], settings: OptimiserSettings, total: int) -> None:
        """Build the optimiser; parameters that never get a gradient do not change.

        Args:
            parameters: The parameters to train.
            settings: A recipe's `optimiser` section.
            total: Total number of steps, for the cosine schedule.
        """
        self.parameters = list(parameters)
        self.total = total if settings.schedule == "cosine" else None
        self.rate, self.warmup, self.clip = settings.learning_rate, settings.warmup_steps, settings.gradient_clip
        self.adam = torch.optim.Adam(
            self.parameters,
            lr=self.rate,
            betas=settings.betas,
            eps=settings.epsilon,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def rate_of(self, step: int) -> float:
        """Return the learning rate of a step.

        Args:
            step: Number of earlier steps. The rate is lr min(step / warmup, 1), so the first rate is 0; with the cosine
                schedule, it is multiplied by (1 + cos(pi step / total)) / 2.
        """
        factor = min(step / self.warmup, 1.0) if self.warmup else 1.0
        if self.total is not None:
            factor *= 0.5 * (1 + math.cos(math.pi * step / self.total))
        return self.rate * factor

    def step(self, rate: float | torch.Tensor) -> torch.Tensor:
        """Update the weights from their gradients, and clear the gradients.

        Args:
            rate: The learning rate; a scalar on the GPU if the step may be captured as a CUDA graph.

        Returns:
            The global norm of the gradients before clipping, a scalar on the device.
        """
        limit = self.clip if self.clip > 0 else float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit, foreach=True)
        if isinstance(rate, torch.Tensor):
            # The fused step reads it as float32 on a GPU.
            rate = rate.float()
        for group in self.adam.param_groups:
            # Nothing but a permission: the fused step keeps everything on the device anyway.
            group["lr"], group["capturable"] = rate, isinstance(rate, torch.Tensor)
        self.adam.step()
        self.clear()
        return norm

    def clear(self) -> None:
        """Remove the gradients."""
        self.adam.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return moments and step counts by parameter index, for a saved state."""
        return {
            f"{position}.{name}": value
            for position, entries in self.adam.state_dict()["state"].items()
            for name, value in entries.items()
        }

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Restore the result of `tensors`."""
        for key, value in tensors.items():
            position, _, name = key.partition(".")
            parameter = self.parameters[int(position)]
            # The fused step uses memory order, so a moment must have the memory layout of its weight.
            shaped = value.shape == parameter.shape
            fitting = torch.empty_like(parameter) if shaped else torch.empty_like(value, device=parameter.device)
            self.adam.state[parameter][name] = fitting.detach().copy_(value)
