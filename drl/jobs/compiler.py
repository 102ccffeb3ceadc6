"""Whether torch.compile works here and pays."""

from __future__ import annotations

import sys
from functools import cache

import torch

PAYS_FROM = 20_000
"""Passes through a network from which `compile: auto` compiles on CUDA.

By arithmetic, until it is measured: compiling takes one to two minutes, and saves about 5 ms of the 10 to 20 ms that a
pass takes whose time is that of launching its operations.
"""


def compiles(kind: str, passes: int) -> bool:
    """Return whether `compile: auto` compiles a job; if torch.compile does not work, print why.

    Args:
        kind: cpu or cuda. On a CPU compiling took five minutes and the compiled step was slower than the eager one
            (docs/performance.md).
        passes: How often the job runs its network.
    """
    if kind != "cuda" or passes < PAYS_FROM:
        return False
    reason = why_not(kind)
    if reason:
        print(f"drl: torch.compile does not work here ({reason}); the network runs without it", file=sys.stderr)
    return not reason


@cache
def why_not(kind: str) -> str:
    """Compile a tiny function; return why that failed, in one line, or an empty string.

    What it needs (Triton, a C compiler, Python's headers, a folder that it can write to) differs between versions and
    devices, so nothing but trying tells.
    """
    try:
        torch.compile(lambda x: x.sin() + 1)(torch.ones(16, device=kind))
    # It wraps what it meets in classes of its own.
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]
    return ""
