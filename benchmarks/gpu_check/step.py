"""What a step of the check is: a function in a module, with a time limit, that runs in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Where:
    """Where a step computes.

    Attributes:
        device: cpu or cuda.
        tiny: Whether to use the smallest networks, to try the script itself.
        folder: A folder for files of the step.
    """

    device: str
    tiny: bool
    folder: Path


Measure = Callable[[Where], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: Its name in lines and rows.
        place: `module:function`; the function returns what it measured, as plain values by name.
        limit: Most seconds of its process, from the start of Python on.
        options: Arguments of the function.
    """

    name: str
    place: str
    limit: float
    options: tuple[Any, ...] = ()

    def measure(self, where: Where) -> dict[str, Any]:
        """Import the module and run the function."""
        module, _, function = self.place.partition(":")
        found: dict[str, Any] = getattr(import_module(module), function)(where, *self.options)
        return found


HERE = "benchmarks.gpu_check"
# The cheapest and most telling first. Limits on a GPU are guesses until one was used.
STEPS = (
    Step("environment", f"{HERE}.environment:environment", 60),
    Step("steps, drl", f"{HERE}.training_steps:pretraining_steps", 60, ("drl",)),
    Step("steps, fine-tuning, 32 pixels", f"{HERE}.training_steps:fine_tuning_steps", 60, (32,)),
    Step("triton", f"{HERE}.environment:triton", 60),
    Step("cases", f"{HERE}.cases:cases", 120),
    Step("resume", f"{HERE}.resume:resume", 60),
    Step("steps, vdrl", f"{HERE}.training_steps:pretraining_steps", 60, ("vdrl",)),
    Step("steps, simclr", f"{HERE}.training_steps:pretraining_steps", 60, ("simclr",)),
    Step("steps, fine-tuning, 84 pixels", f"{HERE}.training_steps:fine_tuning_steps", 60, (84,)),
    Step("pseudo-labels", f"{HERE}.evaluations:labels", 90),
    Step("probe suite", f"{HERE}.evaluations:probes", 60),
    Step("encode", f"{HERE}.evaluations:encode", 60),
    Step("sampling", f"{HERE}.evaluations:sampling", 60),
    Step("bf16 against fp32", f"{HERE}.precision:precisions", 90),
    Step("trainings at once", f"{HERE}.together:together", 120),
    *(
        Step(f"compiled, {kind}", f"{HERE}.training_steps:compiled_steps", 180, (kind,))
        for kind in ("drl", "vdrl", "simclr")
    ),
)
