"""Means over models, differences, confidence bounds and p-values (docs/statistics.md).

Bounds are Student's t, or Welch's for unpaired samples; drl.verdict.blocks compares the methods of a figure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from drl.verdict.images import Right, scores

BY_VALIDATION = "t chosen on validation images"
MOST_SEEDS = 1000
ALONE = "mean"  # name of the replicate if only mean, deviation and count are known


@dataclass(frozen=True)
class Sample:
    """Measurements of one quantity.

    Attributes:
        mean: Mean over replicates.
        sd: Deviation over replicates (ddof 1); 0 for a single one.
        n: Number of replicates.
        values: Value of each replicate; empty if only mean, deviation and count are known.
        right: Which images each replicate got right, where that is known of all.
    """

    mean: float
    sd: float
    n: int
    values: Mapping[str, float] = field(default_factory=dict)
    right: Mapping[str, Right] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, float], right: Mapping[str, Right] | None = None) -> Sample:
        """Summarise values of replicates, given by name."""
        numbers = list(values.values())
        mean = math.fsum(numbers) / len(numbers)
        squares = math.fsum((value - mean) ** 2 for value in numbers)
        known = right if right is not None and set(right) == set(values) else {}
        sd = math.sqrt(squares / (len(numbers) - 1)) if len(numbers) > 1 else 0.0
        return cls(mean, sd, len(numbers), values, known)

    def estimate(self) -> Estimate:
        """Return the mean as an estimate."""
        return Estimate(self.mean, self.sd / math.sqrt(self.n), self.n - 1, self.n, scores(self.right))

    def only(self, names: Sequence[str]) -> Sample:
        """Return the sample of these replicates."""
        right = {name: self.right[name] for name in names} if self.right else None
        return Sample.of({name: self.values[name] for name in names}, right)


@dataclass(frozen=True)
class Estimate:
    """A number and how well it is known.

    Attributes:
        value: The number.
        error: Its standard error; 0 with a single replicate, whose error is not known.
        df: Degrees of freedom of the error; 0 if not known.
        n: Number of replicates; the smaller number for a comparison of two samples.
        images: The number's part from each test image, in percent, float64 [images]; None if not known.
        exact: Computes the p-values of an exact test against 0, for values above and below it; None: Student's t.
    """

    value: float
    error: float
    df: float
    n: int
    images: NDArray[np.float64] | None = field(default=None, compare=False)
    exact: Callable[[], tuple[float, float]] | None = field(default=None, compare=False)

    def bounds(self, confidence: float) -> tuple[float, float] | None:
        """Return the lower and the upper confidence bound, each one-sided; None if the error is not known."""
        if self.df <= 0:
            return None
        reach = float(stats.t.ppf(confidence, self.df)) * self.error
        return self.value - reach, self.value + reach

    def p_above(self, bound: float) -> float:
        """Return the p-value of the test that the truth is above a bound; 1 if the error is not known."""
        return self._p(self.value - bound, 0)

    def p_below(self, bound: float) -> float:
        """Return the p-value of the test that the truth is below a bound; 1 if the error is not known."""
        return self._p(bound - self.value, 1)

    def _p(self, distance: float, side: int) -> float:
        if self.exact is not None:
            return self.exact()[side]
        if self.df <= 0:
            return 1.0
        if self.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / self.error, self.df))

    def seeds_needed(self, distance: float, confidence: float, power: float = 0.8) -> int | None:
        """Return with how many replicates a truth this far from a bound would be found; None if above MOST_SEEDS.

        The estimate's own deviation is taken for the true one, and its degrees of freedom grow with n - 1.
        """
        if self.df <= 0 or self.n < 2 or distance == 0:
            return None
        for n in range(2, MOST_SEEDS + 1):
            df = self.df * (n - 1) / (self.n - 1)
            reach = float(stats.t.ppf(confidence, df) + stats.t.ppf(power, df))
            if abs(distance) >= reach * self.error * math.sqrt(self.n / n):
                return n
        return None


def difference(first: Sample | None, second: Sample | None, paired: bool = False) -> Estimate | None:
    """Return the mean of `first` minus that of `second`; None if one was not measured.

    Args:
        first: The sample to subtract from.
        second: The sample to subtract.
        paired: Whether replicates with the same name belong together, such as one model measured at two t. Replicates
            that one side lacks are left out. If the values are not known, the error is the largest that any pairing
            could give (a correlation of -1), so that the interval is never too narrow.
    """
    if first is None or second is None:
        return None
    common = [name for name in first.values if name in second.values]
    images = _less(first.only(common), second.only(common)) if common else None
    if paired and common:
        found = Sample.of({name: first.values[name] - second.values[name] for name in common}).estimate()
        return replace(found, images=images)
    if paired and not first.values and not second.values:
        n = _fewer(first, second)
        return Estimate(first.mean - second.mean, (first.sd + second.sd) / math.sqrt(n), n - 1, n)
    errors = [sample.sd**2 / sample.n for sample in (first, second)]
    n, df = _fewer(first, second), _welch(errors, (first, second))
    return Estimate(first.mean - second.mean, math.sqrt(sum(errors)), df, n, _less(first, second))


def _less(first: Sample, second: Sample) -> NDArray[np.float64] | None:
    """Return the difference of two samples image by image; None if it is not known, or they have other images."""
    one, other = scores(first.right), scores(second.right)
    return one - other if one is not None and other is not None and len(one) == len(other) else None


def less(sample: Sample | None, number: float) -> Estimate | None:
    """Return the mean of a sample less a number; None if it was not measured."""
    if sample is None:
        return None
    return difference(sample, Sample(number, 0.0, sample.n, dict.fromkeys(sample.values, number)), paired=True)


def ratio(first: Sample | None, second: Sample | None) -> Estimate | None:
    """Return the mean of `first` divided by that of `second`, with its error to first order (the delta method).

    Returns None if one was not measured, or if the second is 0.
    """
    if first is None or second is None or not second.mean:
        return None
    value = first.mean / second.mean
    errors = [(sample.sd / sample.mean) ** 2 / sample.n for sample in (first, second)]
    return Estimate(value, abs(value) * math.sqrt(sum(errors)), _welch(errors, (first, second)), _fewer(first, second))


def chosen(curve: Mapping[float, Sample], by: Mapping[float, Sample], place: int = 0) -> Sample | None:
    """Return the values of each replicate at the t that its own validation images choose.

    Args:
        curve: A sample for each t.
        by: The validation accuracy at each t.
        place: 0 for the best t, 1 for the second best and so on; -1 for the worst. Of equal ones, the smallest t.

    Returns:
        The sample of the replicates that have both at every t; None if there are none, or too few t.
    """
    times = sorted(set(curve) & set(by))
    if not -len(times) <= place < len(times) or not times:
        return None
    values, right = {}, {}
    for name in common_replicates([*(curve[t] for t in times), *(by[t] for t in times)]):
        # Means over probe seeds that are equal may differ in their last bit.
        t = sorted(times, key=lambda t: (-round(by[t].values[name], 9), t))[place]
        values[name] = curve[t].values[name]
        if name in curve[t].right:
            right[name] = curve[t].right[name]
    return Sample.of(values, right) if values else None


def common_replicates(samples: Sequence[Sample]) -> list[str]:
    """Return the names of the replicates that all samples have."""
    return [name for name in samples[0].values if all(name in sample.values for sample in samples)]


def _fewer(first: Sample, second: Sample) -> int:
    return min(first.n, second.n)


def _welch(errors: Sequence[float], samples: Sequence[Sample]) -> float:
    """Return Welch and Satterthwaite's degrees of freedom; 0 if a side has one replicate."""
    if min(sample.n for sample in samples) < 2:
        return 0.0
    parts = sum(error**2 / (sample.n - 1) for error, sample in zip(errors, samples, strict=True))
    # Without any deviation, use all degrees of freedom.
    return sum(errors) ** 2 / parts if parts else float(sum(sample.n - 1 for sample in samples))
