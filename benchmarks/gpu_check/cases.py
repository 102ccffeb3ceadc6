"""Every case of tests/device on the device and on the CPU, in fp32 and with the same random numbers."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.step import Where

DRAWS = ("rand", "randn", "randint", "randperm")
# Their results have no counterpart on the CPU: the stream of dropout cannot be given, and few-shot has other threads.
TINY = ("codes of drl", "probe", "augmentation, 3 channels, 1 operations")


def cases(where: Where) -> dict[str, Any]:
    """Return the largest difference of a result, relative to its largest entry, and the cases that failed."""
    from tests.device.cases import CALLS, TRAININGS

    torch.backends.cudnn.allow_tf32 = False
    makers: dict[str, Callable[[torch.device], list[Tensor]]] = {
        **{name: lambda device, make=make: make(device, "fp32")() for name, make in CALLS.items()},
        **{name: lambda device, make=make: _after_a_step(make(device, "fp32")) for name, make in TRAININGS.items()},
    }
    chosen = {name: make for name, make in makers.items() if not where.tiny or name in (*TINY, "drl")}
    differences, failed = {}, {}
    for name, make in chosen.items():
        try:
            with given_draws():
                found = [tensor.detach().cpu() for tensor in make(torch.device(where.device))]
                expected = make(torch.device("cpu"))
            differences[name] = max(map(difference, found, expected), default=0.0)
        except Exception as error:
            traceback.print_exc()
            failed[name] = f"{type(error).__name__}: {str(error)[:100]}"
    # With dropout, and where one rounding decides about a whole image, the numbers themselves cannot be compared.
    worst = max(differences, key=lambda name: differences[name], default="")
    return {
        "compared": len(differences),
        "largest difference": differences.get(worst, 0.0),
        "in": worst,
        "failed": len(failed),
        "failures": failed,
        "differences": differences,
    }


def _after_a_step(training: Any) -> list[Tensor]:
    training.advance()
    named = training.tensors().items()
    return [value.detach() for name, value in named if name.startswith(("method.", "network."))]


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference of entries divided by the largest entry, or by 1 if that is smaller."""
    if found.shape != expected.shape:
        return float("inf")
    ours, theirs = found.double(), expected.detach().cpu().double()
    if not ours.numel():
        return 0.0
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1))


@contextmanager
def given_draws() -> Iterator[None]:
    """Draw all random numbers on the CPU, from a generator with the seed of the one that is asked for.

    Generators of a GPU and of a CPU give different numbers for one seed, so that results could not be compared.
    """
    real = {name: getattr(torch, name) for name in DRAWS}
    twins: dict[int, tuple[torch.Generator, torch.Generator]] = {}

    def twin(source: torch.Generator) -> torch.Generator:
        if source.device.type == "cpu":
            return source
        if id(source) not in twins:
            twins[id(source)] = (source, torch.Generator().manual_seed(source.initial_seed()))
        return twins[id(source)][1]

    def on_the_cpu(name: str) -> Callable[..., Tensor]:
        def draw(*args: Any, generator: torch.Generator | None = None, device: Any = None, **kwargs: Any) -> Tensor:
            if generator is None:
                return real[name](*args, device=device, **kwargs)  # type: ignore[no-any-return]
            drawn: Tensor = real[name](*args, generator=twin(generator), **kwargs)
            return drawn if device is None else drawn.to(device)

        return draw

    for name in DRAWS:
        setattr(torch, name, on_the_cpu(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(torch, name, function)
