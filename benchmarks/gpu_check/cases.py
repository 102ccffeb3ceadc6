"""Every case of tests/device on the device and on the CPU, in fp32 and with the same random numbers."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from benchmarks.gpu_check.step import Where

DRAWS = ("rand", "randn", "randint", "randperm")
IN_PLACE = ("normal_", "uniform_", "random_")
TINY = ("codes of drl", "probe", "augmentation, 3 channels, 1 operations")


def cases(where: Where) -> dict[str, Any]:
    """Return the largest difference of a result, relative to its largest entry, and the cases that failed.

    Dropout draws from torch's own stream, which cannot be given, so it is switched off.
    """
    # One helper of the tests uses a class of pytest in an annotation.
    if find_spec("pytest") is None:
        sys.modules["pytest"] = ModuleType("pytest")
    from tests.device.cases import CALLS, TRAININGS

    torch.backends.cudnn.allow_tf32 = False
    makers: dict[str, Callable[[torch.device], list[Tensor]]] = {
        **{name: partial(_call, make) for name, make in CALLS.items()},
        **{name: partial(_after_a_step, name, make) for name, make in TRAININGS.items()},
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
    # The cases of fine-tuning take many steps, over which differences grow.
    first = [name for name in differences if not name.startswith("fine-tuning")]
    worst = max(first, key=lambda name: differences[name], default="")
    return {
        "compared": len(differences),
        "largest difference": differences.get(worst, 0.0),
        "in": worst,
        "failed": len(failed),
        "failures": failed,
        "differences": differences,
    }


def _call(make: Any, device: torch.device) -> list[Tensor]:
    found: list[Tensor] = make(device, "fp32")()
    return found


def _after_a_step(name: str, make: Any, device: torch.device) -> list[Tensor]:
    """Return weights, batch statistics and moments after a step."""
    from tests import tiny

    options: dict[str, Any] = {"dropout": 0.0}
    if not name.startswith("fine-tuning"):
        recipe = tiny.recipe(name.split(",")[0])
        parts = {"score": recipe.score and tiny.SCORE, "decoder": recipe.decoder and tiny.DECODER}
        options = {part: {**network, "dropout": 0} for part, network in parts.items() if network}
        if name == "drl, dropout":
            options["encoder"] = {"kind": "wide_resnet", "depth": 10, "width": 1, "nf": 2}
    training = make(device, "fp32", **options)
    training.advance()
    named = training.tensors().items()
    return [value.detach() for key, value in named if key.startswith(("method.", "network.", "optimiser."))]


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference of entries divided by the largest entry, or by 1 if that is smaller.

    A pixel may differ by one level, because of rounding.
    """
    if found.shape != expected.shape:
        return float("inf")
    ours, theirs = found.double(), expected.detach().cpu().double()
    if not ours.numel():
        return 0.0
    allowed = 1.0 if expected.dtype == torch.uint8 else 0.0
    return float(((ours - theirs).abs().max() - allowed).clamp_min(0) / theirs.abs().max().clamp_min(1))


@contextmanager
def given_draws() -> Iterator[None]:
    """Draw all random numbers on the CPU, from a generator with the seed of the one that is asked for.

    Generators of a GPU and of a CPU give different numbers for one seed, so that results could not be compared.
    """
    real = {name: getattr(torch, name) for name in DRAWS}
    methods = {name: getattr(Tensor, name) for name in IN_PLACE}
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

    def in_place(name: str) -> Callable[..., Tensor]:
        def draw(tensor: Tensor, *args: Any, generator: torch.Generator | None = None, **kwargs: Any) -> Tensor:
            if generator is None or tensor.device.type == "cpu":
                return methods[name](tensor, *args, generator=generator, **kwargs)  # type: ignore[no-any-return]
            drawn = torch.empty(tensor.shape, dtype=tensor.dtype)
            return tensor.copy_(methods[name](drawn, *args, generator=twin(generator), **kwargs))

        return draw

    for name in DRAWS:
        setattr(torch, name, on_the_cpu(name))
    for name in IN_PLACE:
        setattr(Tensor, name, in_place(name))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(torch, name, function)
        for name, function in methods.items():
            setattr(Tensor, name, function)
