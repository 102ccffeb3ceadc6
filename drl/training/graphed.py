"""Training steps that a GPU replays as one CUDA graph, because launching their operations one by one takes longer.

A step is a function of its inputs: tensors whose values differ from step to step and whose shapes do not. Everything
else that it reads and changes stays at its place in memory. The inputs are copied into buffers, and the graph runs what
was launched for these buffers. So a step must not read a value of a tensor on the host, compute with a number of the
host that changes, or copy from the host. tests/device checks this without a GPU.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from drl.data.augment.host import to_device
from drl.errors import UserError, clean
from drl.jobs.device import Placement

WARM_UP = 3
"""Steps before the capture: torch and cuDNN set themselves up in the first ones, and the optimiser its moments."""

PAYS_FROM = 500
"""Steps from which `graphs: auto` captures. By arithmetic, until it is measured: capturing takes about a second, and
saves 5 to 15 ms of a step whose time is that of launching its operations."""

LAUNCHING = 0.5
"""Share of a step's time that the host needs to launch it, from which `graphs: auto` captures."""


def scalars(numbers: Tensor) -> list[float] | list[Tensor]:
    """Return the entries of a float64 vector for a step: numbers on a CPU, and scalars on a GPU.

    On a GPU, a number of the host would stay what it was when the step was captured.
    """
    if numbers.device.type == "cpu":
        found: list[float] = numbers.tolist()
        return found
    return list(numbers.unbind())


class Graphed:
    """Runs steps: one operation after the other, or as a CUDA graph after the first few. The results are the same.

    Attributes:
        captured: Whether steps are replayed now.
    """

    def __init__(
        self,
        step: Callable[[Mapping[str, Tensor]], None],
        placement: Placement,
        generators: Sequence[torch.Generator] = (),
        clear: Callable[[], None] = lambda: None,
    ) -> None:
        """Capture nothing yet.

        Args:
            step: Does one step with the given inputs.
            placement: Where it runs, and whether graphs are wanted.
            generators: The device's generators that it draws from, besides torch's default one.
            clear: Removes the gradients, of which a failed capture leaves some that were never computed.
        """
        self._step, self._mode, self._device = step, placement.graphs, placement.device
        self._generators, self._clear = tuple(generators), clear
        self._undecided = placement.graphs != "off" and placement.device.type == "cuda"
        self._warmed = 0
        self._buffers: dict[str, Tensor] = {}
        self._stream: torch.cuda.Stream | None = None
        self._graph: torch.cuda.CUDAGraph | None = None

    @property
    def captured(self) -> bool:
        """Whether steps are replayed now."""
        return self._graph is not None

    def __call__(self, inputs: Mapping[str, Tensor], remaining: int) -> None:
        """Do one step.

        Args:
            inputs: Tensors by name, on the host or the device, each with the same shape and type in all steps.
            remaining: Number of steps from this one on.

        Raises:
            UserError: If graphs are `on`, and a step cannot be captured.
        """
        if self._undecided and self._warmed == 0 and self._mode == "auto" and remaining < PAYS_FROM:
            self._undecided = False
        if self._undecided or self.captured:
            self._fill(inputs)
        if self._undecided and self._warmed == WARM_UP:
            self._capture()
        if self._graph is not None:
            self._graph.replay()
        elif self._undecided:
            self._warm_up()
        else:
            # Where it computes on the host, the host's inputs are already there.
            self._step({name: to_device(value, self._device) for name, value in inputs.items()})

    def _fill(self, inputs: Mapping[str, Tensor]) -> None:
        """Copy the inputs to the buffers without waiting."""
        for name, value in inputs.items():
            if name not in self._buffers:
                self._buffers[name] = torch.empty_like(value, device=self._device)
            source = value if value.device.type == "cuda" else value.pin_memory()
            self._buffers[name].copy_(source, non_blocking=True)

    def _warm_up(self) -> None:
        """Do a step on the stream that captures; in the last of these steps, measure whether a graph pays."""
        if self._stream is None:
            self._stream = torch.cuda.Stream(self._device)
        self._warmed += 1
        measures = self._mode == "auto" and self._warmed == WARM_UP
        if measures:
            torch.cuda.synchronize(self._device)
        began = time.perf_counter()
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            self._step(self._buffers)
        torch.cuda.current_stream(self._device).wait_stream(self._stream)
        if measures:
            launched = time.perf_counter() - began
            torch.cuda.synchronize(self._device)
            self._undecided = launched >= LAUNCHING * (time.perf_counter() - began)

    def _capture(self) -> None:
        """Record a step without running it; go on without a graph if that fails.

        Raises:
            UserError: If it fails, and graphs are `on`.
        """
        assert self._stream is not None
        self._undecided = False
        index = self._device.index or 0
        sources = [*self._generators, torch.cuda.default_generators[index]]
        kept = [source.clone_state() for source in sources]
        graph = torch.cuda.CUDAGraph()
        for source in self._generators:
            graph.register_generator_state(source)
        try:
            # After a failure, torch.cuda.graph leaves its stream as the current one.
            with (
                torch.cuda.stream(torch.cuda.current_stream(self._device)),
                torch.cuda.graph(graph, stream=self._stream),
            ):
                self._step(self._buffers)
        # torch reports what CUDA refuses, and a lack of memory, as errors of this class.
        except RuntimeError as error:
            # Otherwise the generators would wait for the end of the capture for ever.
            for source, state in zip(sources, kept, strict=True):
                source.graphsafe_set_state(state)
            self._clear()
            reason = clean(error, 160)
            if self._mode == "on":
                raise UserError(
                    f"run.graphs: on, but a training step cannot be captured here ({reason}); use auto or off"
                ) from error
            print(
                f"drl: a training step cannot be captured as a CUDA graph ({reason}); its operations are launched one "
                "by one",
                file=sys.stderr,
                flush=True,
            )
            return
        self._graph = graph
