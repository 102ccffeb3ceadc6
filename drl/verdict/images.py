"""What other test images would say: the paired bootstrap over images (docs/statistics.md, "New images")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drl.records.right import Bits, unpacked

DRAWS, SEED = 2000, 0


@dataclass(frozen=True)
class Right:
    """Which images a model got right, each of its classifiers (such as its probe seeds) with its own bits.

    Attributes:
        bits: The packed bits of each classifier.
        n: Number of images.
    """

    bits: tuple[Bits, ...]
    n: int


def scores(models: Mapping[str, Right]) -> NDArray[np.float64] | None:
    """Return how often the models get each image right, in percent, float64 [n]; None without models or equal n."""
    if len({one.n for one in models.values()}) != 1:
        return None
    shares = [np.mean([unpacked(bits, one.n) for bits in one.bits], axis=0) for one in models.values()]
    return 100 * np.asarray(np.mean(shares, axis=0), dtype=np.float64)


def over_images(parts: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Return the lower and upper bound, each one-sided, of a mean over images, for these models on new images.

    Args:
        parts: What each image adds to the mean, such as the difference of two methods on it [n].
        confidence: Of each bound.
    """
    found = stats.bootstrap(
        (parts,),
        np.mean,
        n_resamples=DRAWS,
        batch=100,
        confidence_level=2 * confidence - 1,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)
