"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import hashlib

import torch


def stream_seed(seed: int, stream: str) -> int:
    """Return a 63-bit seed for one purpose, so that, say, noise does not follow data order.

    Args:
        seed: The job's seed.
        stream: `weights`, `order`, `noise`, `dropout`, …
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator on a device for one purpose."""
    return torch.Generator(device).manual_seed(stream_seed(seed, stream))
