"""The order in which training sees the images."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from drl.errors import UserError


class EpochSampler:
    """Endless batches of image indices, in a new random order each epoch. An incomplete last batch is dropped.

    The sampler draws from the given generator only at the start of each epoch.
    """

    def __init__(self, indices: Tensor, batch_size: int, generator: torch.Generator) -> None:
        """Start before the first epoch.

        Args:
            indices: Image indices to draw from, int64 [N] on the CPU, without repeats.
            batch_size: Images in a batch, 1 to N.
            generator: A CPU generator. If other code draws from it too, the order of later epochs changes.

        Raises:
            UserError: If there are fewer images than a batch needs.
        """
        if indices.dtype != torch.int64 or indices.dim() != 1 or indices.device.type != "cpu":
            raise ValueError(f"indices must be int64 [N] on the CPU, not {indices.dtype} {tuple(indices.shape)}")
        if not 1 <= batch_size <= len(indices):
            raise UserError(
                f"a batch of {batch_size} cannot be drawn from {len(indices)} images: choose batch_size from 1 to "
                f"{len(indices)}"
            )
        self._indices = indices
        self._batch_size = batch_size
        self._generator = generator
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0

    @property
    def batches_per_epoch(self) -> int:
        """Full batches in one epoch."""
        return len(self._indices) // self._batch_size

    def next(self) -> Tensor:
        """Return the image indices of the next batch, int64 [batch_size], on the CPU."""
        if self._position + self._batch_size > len(self._order):
            self._order = self._indices[torch.randperm(len(self._indices), generator=self._generator)]
            self._position = 0
        batch = self._order[self._position : self._position + self._batch_size]
        self._position += self._batch_size
        return batch.clone()

    def state(self) -> dict[str, Tensor]:
        """Return everything that determines later batches: `order` int64, `position` int64 [], `generator` uint8.

        `order` is empty before the first batch. The tensors are copies.
        """
        return {
            "order": self._order.clone(),
            "position": torch.tensor(self._position),
            "generator": self._generator.get_state(),
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a state that `state()` returned. The generator is restored too.

        Raises:
            UserError: If the state belongs to other images or another batch size. Nothing is changed then.
        """
        try:
            order, position, generator = state["order"].cpu(), int(state["position"]), state["generator"].cpu()
        except (KeyError, RuntimeError) as error:
            raise UserError(f"the saved state of the data order is incomplete ({error}): start afresh") from error
        started = len(order) > 0
        same = not started or torch.equal(order.sort().values, self._indices.sort().values)
        if not same or not 0 <= position <= len(order) or position % self._batch_size:
            raise UserError(
                "the saved state of the data order belongs to other images or another batch size: start afresh"
            )
        self._generator.set_state(generator)
        self._order = order.to(torch.int64).clone()
        self._position = position
