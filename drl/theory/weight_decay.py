"""Where weight decay alone takes the learned t of a classifier, in closed form (docs/theory.md).

SGD with Nesterov momentum m and weight decay w, on a logit without any other gradient, is linear:
v <- m v + w logit, logit <- logit - rate (w logit + m v). So the logit at the
end is a factor times the one at the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from drl.laplacenet.schedule import Schedule


def rates(schedule: Schedule, epochs: int | None = None) -> Iterator[float]:
    """Yield the learning rate of every step of the first outer epochs (default: all)."""
    for epoch in range(schedule.epochs if epochs is None else epochs):
        for step in range(schedule.steps(epoch)):
            yield schedule.rate(epoch, step)


def factor(rates: Iterable[float], weight_decay: float, momentum: float) -> float:
    """Return logit(t at the end) / logit(t at the start): entry (0, 0) of the product of a 2x2 matrix for each step."""
    logit, velocity = 1.0, 0.0
    for rate in rates:
        # The product of the steps' matrices so far, applied to (1, 0); these are the two rows of the next one.
        logit, velocity = (
            (1 - rate * weight_decay * (1 + momentum)) * logit - rate * momentum**2 * velocity,
            weight_decay * logit + momentum * velocity,
        )
    return logit


def end(start: float, factor: float) -> float:
    """Return t at the end, for a start in (0, 1)."""
    return 1 / (1 + math.exp(-factor * math.log(start / (1 - start))))


def largest_factor(start: float, low: float, high: float) -> float:
    """Return the largest factor with which all starts in [1 - start, start] end in [low, high].

    Args:
        start: In (0.5, 1).
        low: In (0, 0.5).
        high: In (0.5, 1).
    """
    logit = math.log(start / (1 - start))
    return min(math.log(high / (1 - high)), -math.log(low / (1 - low))) / logit
