"""Independent streams of random numbers from one seed."""

from __future__ import annotations

import hashlib

import torch


def stream_seed(seed: int, stream: str) -> int:
    """Return a 63-bit seed for one purpose, so that, for example, noise does not depend on the order of images.

    Args:
        seed: The job's seed.
        stream: `weights`, `order`, `noise`, `dropout`, …
    """
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator for one purpose, on a device."""
    return torch.Generator(device).manual_seed(stream_seed(seed, stream))
