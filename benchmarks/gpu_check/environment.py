"""Versions, the card, a tiny CUDA graph, and whether torch.compile works. The first step needs nothing but torch."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import torch

from benchmarks.gpu_check.step import Where


def environment(where: Where) -> dict[str, Any]:
    """Return versions, the card and whether a tiny CUDA graph replays."""
    found: dict[str, Any] = {"python": platform.python_version(), "torch": str(torch.__version__)}
    for name in ("torchvision", "triton", "numpy", "pydantic"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    if where.device == "cpu":
        return found | {"card": "none", "graphs": False}
    facts = torch.cuda.get_device_properties(0)
    return found | {
        "card": torch.cuda.get_device_name(0),
        "memory GiB": round(facts.total_memory / 2**30, 1),
        "capability": f"{facts.major}.{facts.minor}",
        "cuda": str(torch.version.cuda),
        "native bf16": torch.cuda.is_bf16_supported(including_emulation=False),
        "graphs": _replays(),
    }


def _replays() -> bool:
    """Capture a sum with random numbers of a registered generator; return whether replays give the eager numbers."""
    source = torch.Generator("cuda").manual_seed(1)
    total = torch.zeros(8, device="cuda")

    def step() -> None:
        total.add_(torch.rand(8, device="cuda", generator=source))

    step()
    expected = [total.clone()]
    for _ in range(2):
        step()
        expected.append(total.clone())
    source.manual_seed(1)
    total.zero_()
    step()
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(source)
    with torch.cuda.graph(graph):
        step()
    graph.replay()
    graph.replay()
    return bool(torch.equal(total, expected[2]))


def triton(where: Where) -> dict[str, Any]:
    """Return whether a tiny function compiles, and why not."""
    from drl.jobs.compiler import why_not

    reason = "not tried in a tiny run" if where.tiny else why_not(where.device)
    return {"compiles": not reason, **({"reason": reason} if reason else {})}
