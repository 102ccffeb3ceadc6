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
    unclear = _changeable(scores, rounds)
    factor = torch.ones_like(frequencies)
    some = scores[unclear].double()
    done = 0
    while done < rounds and len(scores):
        period = min(PERIOD, rounds - done)
        near = _changeable(some * factor, period)
        rows, values = unclear[near], some[near]
        now = predicted[rows]
        counts = torch.bincount(predicted, minlength=len(factor)) - torch.bincount(now, minlength=len(factor))
        for _ in range(period):
            shares = (counts + torch.bincount(now, minlength=len(factor))).double() / len(scores)
            factor = factor * (frequencies / (shares + 1e-7)).clamp(LEAST, MOST)
            now = (values * factor).argmax(1)
        predicted[rows] = now
        done += period
    return predicted


def _changeable(scores: Tensor, rounds: int) -> Tensor:
    """Return which rows another class can win within so many rounds; a little more than needed, for rounding."""
    if scores.shape[1] == 1:
        return torch.zeros(0, dtype=torch.int64, device=scores.device)
    best, second = scores.topk(2).values.unbind(1)
    bound = (LEAST / MOST) ** rounds * (1 - 1e-5)
    return ((best > 0) & (second >= bound * best)).nonzero()[:, 0]
