"""Differences between the methods of one figure, dataset and label budget, with an error pooled over its methods.

Seed k gives every method the same labelled images, order and probe seeds. So a value is modelled as method + seed +
rest, and the variance of the rest is that of all methods together (docs/statistics.md, "Errors").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from drl.verdict.estimates import Estimate, Sample, difference

APART = 10.0  # times the pooled variance: beyond it, or below its inverse, a method is not described by it


def in_block(block: Mapping[str, Sample], first: str, second: str) -> Estimate | None:
    """Return the mean of one method minus that of another; None if one was not measured.

    Args:
        block: The sample of each method that was measured, with its values by seed.
        first: Name of the method to subtract from.
        second: Name of the other.
    """
    if first not in block or second not in block:
        return None
    one, other = block[first], block[second]
    seeds = [name for name in one.values if name in other.values]
    paired = difference(one, other, paired=bool(seeds))
    methods = {name: sample for name, sample in block.items() if set(seeds) <= set(sample.values)}
    if paired is None or len(seeds) < 2 or len(methods) < 3:
        return paired
    values = np.array([[sample.values[seed] for seed in seeds] for sample in methods.values()])
    rest = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    df = (len(methods) - 1) * (len(seeds) - 1)
    pooled = float((rest**2).sum()) / df
    # The expected square of a method's rest is its share (M - 1) / M of the variance, times S - 1.
    own = (rest**2).sum(1) / ((len(seeds) - 1) * (len(methods) - 1) / len(methods))
    for name in (first, second):
        if not pooled / APART <= own[list(methods).index(name)] <= pooled * APART:
            return paired
    return replace(paired, error=math.sqrt(2 * pooled / len(seeds)), df=df)
