"""Distribution alignment: scale classes until they are predicted as often as they are labelled (authors' code)."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST, MOST = 0.99, 1.01  # smallest and largest factor by which a round changes a column
PERIOD = 10  # rounds between two checks of which rows can change, on a CPU


def align(scores: Tensor, frequencies: Tensor, rounds: int = 100) -> Tensor:
    """Return each row's class after the given number of rounds.

    A round multiplies column c by frequency(c) / (share of rows predicted as c + 1e-7), clipped to [0.99, 1.01]. The
    authors' code then scales rows to sum to 1. That changes no prediction, so it is left out, and only the product of a
    column's multipliers is needed. Most rows are so clear that the remaining rounds cannot change them: in each round,
    the best class can lose at most a factor 0.99 / 1.01 to another class. Only the other rows are computed. On a GPU
    they are chosen once, because each choice makes the host wait.

    Args:
        scores: [U, C], not negative; a row of zeros is predicted as class 0.
        frequencies: float64 [C], the share of each class among the labels.
        rounds: Number of rounds.

    Returns:
        int64 [U].
    """
    predicted = scores.argmax(1)
    gap = _gap(scores)
    unclear = (gap >= _bound(rounds)).nonzero()[:, 0]
    first, gap = predicted[unclear], gap[unclear]
    factor = torch.ones_like(frequencies)
    done, most = 0, PERIOD if scores.device.type == "cpu" else rounds
    while done < rounds and len(scores):
        period = min(most, rounds - done)
        rows = unclear
        if period < rounds:
            # The largest change of a row's gap: its first class lost as computed, and its second class gained the most.
            rows = rows[gap * (factor.max() / factor)[first] >= _bound(period)]
            rows = rows[_gap(scores[rows].double() * factor) >= _bound(period)]
        values, now = scores[rows].double(), predicted[rows]
        counts = _counts(predicted, len(factor)) - _counts(now, len(factor))
        for _ in range(period):
            shares = (counts + _counts(now, len(factor))).double() / len(scores)
            factor = factor * (frequencies / (shares + 1e-7)).clamp(LEAST, MOST)
            now = (values * factor).argmax(1)
        predicted[rows] = now
        done += period
    return predicted


def _counts(classes: Tensor, n: int) -> Tensor:
    """Return how often each of n classes occurs, int64 [n]; bincount would make a GPU wait."""
    return classes.new_zeros(n).scatter_add_(0, classes, classes.new_ones(1).expand_as(classes))


def _gap(scores: Tensor) -> Tensor:
    """Return the second best score of each row divided by the best, float64; 0 for a row of zeros."""
    if scores.shape[1] == 1:
        return scores.new_zeros(len(scores), dtype=torch.float64)
    best, second = scores.topk(2).values.double().unbind(1)
    return torch.where(best > 0, second / best, 0)


def _bound(rounds: int) -> float:
    """Return the gap from which another class can win within the given rounds, slightly reduced because of rounding."""
    return (LEAST / MOST) ** rounds * (1 - 1e-5)
