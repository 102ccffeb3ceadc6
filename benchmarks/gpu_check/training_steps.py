"""Steps of pretraining and fine-tuning: eager, compiled and as a CUDA graph, with launches, busy share and waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu_check.step import Where
from benchmarks.gpu_check.subjects import (
    Trained,
    advance,
    equal,
    fine_tuning,
    images_per_second,
    pretraining,
    waiter,
    weights,
)
from drl.errors import UserError

SECONDS, TINY_SECONDS = 5.0, 0.05  # of each timing
SAME_STEPS, TINY_STEPS = 8, 2
PROFILED = 5  # steps
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaMemcpyAsync", "cudaMemsetAsync")


def pretraining_steps(where: Where, kind: str) -> dict[str, Any]:
    """Compare eager steps of a recipe with graphed ones."""
    return _compare(where, partial(pretraining, where, kind))


def fine_tuning_steps(where: Where, size: int) -> dict[str, Any]:
    """Compare eager steps of fine-tuning, with augmentation, with graphed ones."""
    return _compare(where, partial(fine_tuning, where, size))


def compiled_steps(where: Where, kind: str) -> dict[str, Any]:
    """Time compiled steps, eager and graphed; a tiny run compiles nothing."""
    if where.tiny:
        return {"compiled": "not in a tiny run"}
    began = time.perf_counter()
    training = pretraining(where, kind, compile="on")
    advance(training)
    waiter(training.placement.device)()
    found: dict[str, Any] = {"seconds of the first step": time.perf_counter() - began}
    found["eager images/s"] = images_per_second(training, *_timing(where))
    return found | _graphed(where, partial(pretraining, where, kind, compile="on"))


def _compare(where: Where, make: Callable[..., Trained]) -> dict[str, Any]:
    torch.use_deterministic_algorithms(True, warn_only=True)
    training = make()
    found: dict[str, Any] = {"precision": training.placement.precision}
    for _ in range(TINY_STEPS if where.tiny else SAME_STEPS):
        advance(training)
    plain = weights(training)
    torch.use_deterministic_algorithms(False)
    found["eager images/s"] = images_per_second(training, *_timing(where))
    found |= {f"eager {name}": value for name, value in _profiled(training).items()}
    found["host waits"] = _waits(training)
    found |= _graphed(where, make, plain)
    return found


def _graphed(where: Where, make: Callable[..., Trained], plain: list[torch.Tensor] | None = None) -> dict[str, Any]:
    """Time graphed steps, and compare their weights with those of eager ones, if these are given."""
    try:
        return _timed_graphed(where, make, plain)
    except UserError as error:
        # What was found without a graph is still worth its row.
        return {"captured": False, "why not": str(error)}


def _timed_graphed(where: Where, make: Callable[..., Trained], plain: list[torch.Tensor] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if plain is not None:
        torch.use_deterministic_algorithms(True, warn_only=True)
        training = make(graphs="on")
        for _ in range(TINY_STEPS if where.tiny else SAME_STEPS):
            advance(training)
        found["graphed equal"] = equal(weights(training), plain)
        torch.use_deterministic_algorithms(False)
    # What was captured in deterministic mode stays deterministic, and is slower.
    training = make(graphs="on")
    found["graphed images/s"] = images_per_second(training, *_timing(where))
    found |= {"captured": training.graphed.captured, "graphed host waits": _waits(training)}
    return found | {f"graphed {name}": value for name, value in _profiled(training).items()}


def _timing(where: Where) -> tuple[float, int]:
    """Return the seconds of a timing, and the steps before it, in which a graph is captured."""
    return TINY_SECONDS if where.tiny else SECONDS, 5 if where.device == "cuda" else 1


class _Count(TorchDispatchMode):
    operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        return function(*args, **(kwargs or {}))


def _profiled(training: Trained) -> dict[str, Any]:
    """Return launches of a step, and the share of the time in which the GPU computes; on a CPU, operations alone."""
    device = training.placement.device
    if device.type == "cpu":
        with _Count() as counted:
            advance(training)
        return {"operations": counted.operations}
    wait = waiter(device)
    wait()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        began = time.perf_counter()
        for _ in range(PROFILED):
            advance(training)
        wait()
        whole = time.perf_counter() - began
    averages = found.key_averages()
    launches = sum(event.count for event in averages if event.key.startswith(LAUNCHES))
    # Operations of the host count the kernels that they launch, which are events of their own.
    kernels = [event for event in averages if event.device_type == DeviceType.CUDA]
    busy = sum(event.self_device_time_total for event in kernels) * 1e-6
    return {"launches": launches / PROFILED, "busy share": busy / whole}


def _waits(training: Trained) -> str:
    """Return 0 if a step does not wait for the GPU, else the first place where it does."""
    if training.placement.device.type == "cpu":
        return "0 (a CPU)"
    torch.cuda.set_sync_debug_mode("error")
    try:
        advance(training)
    except RuntimeError as error:
        return f"at least 1: {str(error).splitlines()[0][:120]}"
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "0"
