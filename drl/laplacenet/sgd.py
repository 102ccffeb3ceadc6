"""SGD with Nesterov momentum for a classifier with a learned t."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from drl.config.fine_tuning import FineTuneProtocol
from drl.models.wide_resnet import WideResNet


class NesterovSGD:
    """SGD on all parameters (authors' code), and on a second logit of t that gets no gradient from data.

    The second logit shows where weight decay alone moves t, with the same rates and momentum. A learned t would end at
    another value, but t is not learned: see tests/laplacenet/test_common_t.py.

    Attributes:
        lone_logit: The second logit, a scalar.
    """

    def __init__(self, network: WideResNet, settings: FineTuneProtocol, decays_t: bool) -> None:
        """Start with momentum 0.

        Args:
            network: The network to train.
            settings: The protocol, for learning_rate, momentum and weight_decay.
            decays_t: Whether weight decay acts on the logit of t too.
        """
        self.lone_logit = nn.Parameter(network.param_t.detach().clone())
        self.lone_logit.grad = torch.zeros_like(self.lone_logit)
        rest = [value for value in network.parameters() if value is not network.param_t]
        logits = [network.param_t, self.lone_logit]
        self.parameters = [*rest, *logits]
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": logits}]
        if not decays_t:
            groups[1]["weight_decay"] = 0.0
        self.sgd = torch.optim.SGD(
            groups,
            lr=settings.learning_rate,
            momentum=settings.momentum,
            nesterov=settings.momentum > 0,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def step(self, rate: float | Tensor) -> None:
        """Update the weights from their gradients, and clear the gradients.

        Args:
            rate: The learning rate; a scalar on the GPU if the step may be captured as a CUDA graph.
        """
        for group in self.sgd.param_groups:
            # The fused step reads a tensor as float32 on a GPU.
            group["lr"] = rate.float() if isinstance(rate, Tensor) else rate
        self.sgd.step()
        self.clear()

    def clear(self) -> None:
        """Remove the gradients; the lone logit's stays 0, in the same place in memory."""
        for parameter in self.parameters:
            if parameter is not self.lone_logit:
                parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Return momentum by parameter index and the lone logit, for a saved state."""
        found = {"lone_logit": self.lone_logit.detach()}
        for position, parameter in enumerate(self.parameters):
            momentum = self.sgd.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                found[str(position)] = momentum
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore the result of `tensors`."""
        with torch.no_grad():
            self.lone_logit.copy_(tensors["lone_logit"])
        for name, value in tensors.items():
            if name.isdecimal():
                parameter = self.parameters[int(name)]
                # The fused step uses memory order, so momentum must have the memory layout of its weight.
                buffer = torch.empty_like(parameter).detach().copy_(value)
                self.sgd.state[parameter]["momentum_buffer"] = buffer
