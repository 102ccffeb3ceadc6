"""Random numbers that stay the same across versions of numpy and torch.

numpy promises that the raw output of a bit generator never changes, but makes no such promise for
`Generator.permutation` and similar methods (NEP 19). Splits and label subsets determine what a published number means,
so they use only the raw output.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.random import PCG64
from numpy.typing import NDArray


class Stream(IntEnum):
    """The purpose of random numbers. One seed gives an independent stream for each purpose."""

    LABELS = 1
    SPLIT = 2
    VALIDATION = 3
    BLEND_TRAIN = 4
    BLEND_TEST = 5
    ORDER = 6
    PRETRAIN = 7
    SUBSET = 8


def bits(seed: int, stream: Stream) -> PCG64:
    """Return the bit generator for a seed (>= 0) and one purpose."""
    return PCG64([seed, int(stream)])


def shuffled(items: NDArray[np.int64], source: PCG64) -> NDArray[np.int64]:
    """Return `items` in random order, by sorting random 64-bit keys."""
    keys = np.asarray(source.random_raw(len(items)), dtype=np.uint64)
    return items[np.argsort(keys, kind="stable")]


def below(source: PCG64, limit: int, count: int) -> NDArray[np.int64]:
    """Return `count` integers in [0, limit); the bias is below limit / 2^64."""
    raw = np.asarray(source.random_raw(count), dtype=np.uint64)
    return (raw % np.uint64(limit)).astype(np.int64)
