"""Means over replicates, differences and confidence intervals: Student's t, or Welch's for unpaired samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scipy import stats

ON_THE_CURVE = "best t of each seed read off the curves of the others"  # what a reader must know of at_rank
ALONE = "mean"  # name of the replicate if only mean, deviation and count are known


@dataclass(frozen=True)
class Sample:
    """Measurements of one quantity.

    Attributes:
        mean: Mean over replicates.
        sd: Deviation over replicates (ddof 1); 0 for a single one.
        n: Number of replicates.
        values: Value of each replicate; empty if only mean, deviation and count are known.
    """

    mean: float
    sd: float
    n: int
    values: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Sample:
        """Summarise values of replicates, given by name."""
        numbers = list(values.values())
        mean = math.fsum(numbers) / len(numbers)
        squares = math.fsum((value - mean) ** 2 for value in numbers)
        return cls(mean, math.sqrt(squares / (len(numbers) - 1)) if len(numbers) > 1 else 0.0, len(numbers), values)

    def estimate(self) -> Estimate:
        """Return the mean as an estimate."""
        return Estimate(self.mean, self.sd / math.sqrt(self.n), self.n - 1, self.n)


@dataclass(frozen=True)
class Estimate:
    """A number and how well it is known.

    Attributes:
        value: The number.
        error: Its standard error; 0 with a single replicate, whose error is not known.
        df: Degrees of freedom of the error; 0 if not known.
        n: Number of replicates; the smaller number for a comparison of two samples.
    """

    value: float
    error: float
    df: float
    n: int

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return the two-sided confidence interval; None if the error is not known."""
        if self.df <= 0:
            return None
        reach = float(stats.t.ppf((1 + confidence) / 2, self.df)) * self.error
        return self.value - reach, self.value + reach


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
    if paired and common:
        return Sample.of({name: first.values[name] - second.values[name] for name in common}).estimate()
    if paired and not first.values and not second.values:
        n = _fewer(first, second)
        return Estimate(first.mean - second.mean, (first.sd + second.sd) / math.sqrt(n), n - 1, n)
    errors = [sample.sd**2 / sample.n for sample in (first, second)]
    return Estimate(
        first.mean - second.mean, math.sqrt(sum(errors)), _welch(errors, (first, second)), _fewer(first, second)
    )


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


def at_rank(curve: Mapping[float, Sample], place: int = 0) -> Sample | None:
    """Return the values at the best t, where each replicate uses the t at which the other replicates are best.

    The highest of several means is biased upwards by chance, and its interval does not account for that. With one
    replicate, or if the values are not known, there is no interval.

    Args:
        curve: A sample for each t.
        place: 0 for the best t, 1 for the second best and so on; -1 for the worst.

    Returns:
        The sample; None if there are too few t.
    """
    if not -len(curve) <= place < len(curve):
        return None
    samples = list(curve.values())
    names = common_replicates(samples)
    if len(names) < 2:
        return Sample(sorted((sample.mean for sample in samples), reverse=True)[place], 0.0, 1)
    found = {}
    for name in names:
        others = [other for other in names if other != name]
        order = sorted(samples, key=lambda s: math.fsum(s.values[other] for other in others), reverse=True)
        found[name] = order[place].values[name]
    return Sample.of(found)


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
