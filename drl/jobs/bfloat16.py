"""Whether this CPU computes faster in bfloat16, decided by measuring it."""

from __future__ import annotations

import time
from functools import cache

import torch

PAYS_FROM = 1.3
"""Ratio of the times of a convolution in float32 and in bfloat16 from which networks of the paper's size use bfloat16.

Measured with oneDNN in torch 2.13 on one core of an Intel Xeon: 5.9 with AMX; 0.7 with avx512_bf16 alone, although the
flag promises speed; 0.3 with AVX-512 and 0.1 with AVX2, where bfloat16 is emulated.
"""
IMAGES, CHANNELS, PIXELS, REPEATS = 8, 64, 16, 7


@cache
def pays() -> bool:
    """Time a convolution of the paper's size in both precisions; that takes a tenth of a second."""
    fast = min(_seconds(torch.float32) for _ in range(REPEATS))
    # Two calls show whether bfloat16 is emulated; the first one also prepares what later ones use again.
    if min(_seconds(torch.bfloat16), _seconds(torch.bfloat16)) > 2 * fast:
        return False
    return fast > PAYS_FROM * min(_seconds(torch.bfloat16) for _ in range(REPEATS))


def _seconds(dtype: torch.dtype) -> float:
    """Return this thread's time for one 3x3 convolution and its gradients, without what torch prepares at first use."""
    options = {"dtype": dtype, "requires_grad": True}
    x = torch.ones(IMAGES, CHANNELS, PIXELS, PIXELS, **options)  # type: ignore[call-overload]
    weight = torch.ones(CHANNELS, CHANNELS, 3, 3, **options)  # type: ignore[call-overload]
    x, weight = (a.detach().to(memory_format=torch.channels_last).requires_grad_() for a in (x, weight))
    # Other processes take wall time, but not this thread's.
    start = time.thread_time()
    y = torch.nn.functional.conv2d(x, weight, padding=1)
    torch.autograd.grad(y, (x, weight), torch.ones_like(y))
    return time.thread_time() - start
