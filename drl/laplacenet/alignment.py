"""Distribution alignment: classes are scaled until they are predicted as often as they are labelled (authors' code)."""

from __future__ import annotations

import torch
from torch import Tensor

LEAST, MOST = 0.99, 1.01  # a round changes a column by at most so much
PERIOD = 10  # rounds between looking which rows can change


def align(scores: Tensor, frequencies: Tensor, rounds: int = 100) -> Tensor:
    """Return each row's class after the rounds.

    A round multiplies column c by frequency(c) / (share of rows predicted as c + 1e-7), kept in [0.99, 1.01]. The
    authors' code then scales rows to sum to 1; that changes no prediction, so it is left out, and the product of a
    column's multipliers is all that has to be known. Most rows are so clear that the rounds ahead cannot change them:
    the best class can lose at most a factor 0.99 / 1.01 to another in each. Only the others are looked at.

    Args:
        scores: [U, C], not negative; a row of zeros is predicted as class 0.
        frequencies: float64 [C]: how often each class is labelled.
        rounds: How many.

    Returns:
        int64 [U].
    """
    predicted = scores.argmax(1)
    gap = _gap(scores)
    unclear = (gap >= _bound(rounds)).nonzero()[:, 0]
    first, gap = predicted[unclear], gap[unclear]
    factor = torch.ones_like(frequencies)
    done = 0
    while done < rounds and len(scores):
        period = min(PERIOD, rounds - done)
        # At most, for a row's gap now: that its first class lost what it did, and the second gained the most.
        rows = unclear[gap * (factor.max() / factor)[first] >= _bound(period)]
        values = scores[rows].double()
        near = _gap(values * factor) >= _bound(period)
        rows, values = rows[near], values[near]
        now = predicted[rows]
        counts = torch.bincount(predicted, minlength=len(factor)) - torch.bincount(now, minlength=len(factor))
        for _ in range(period):
            shares = (counts + torch.bincount(now, minlength=len(factor))).double() / len(scores)
            factor = factor * (frequencies / (shares + 1e-7)).clamp(LEAST, MOST)
            now = (values * factor).argmax(1)
        predicted[rows] = now
        done += period
    return predicted


def _gap(scores: Tensor) -> Tensor:
    """Return the second best score of each row as a share of the best, float64; of a row of zeros 0."""
    if scores.shape[1] == 1:
        return scores.new_zeros(len(scores), dtype=torch.float64)
    best, second = scores.topk(2).values.double().unbind(1)
    return torch.where(best > 0, second / best, 0)


def _bound(rounds: int) -> float:
    """Return what a row's gap must be for another class to win within so many rounds; a bit less, for rounding."""
    return (LEAST / MOST) ** rounds * (1 - 1e-5)
