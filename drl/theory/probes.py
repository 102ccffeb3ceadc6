"""What codes are worth downstream: classes and x_0 read from them by k nearest neighbours.

Neighbours need no training of their own and no choice of a rate, so that codes alone differ between methods; where
classes lie in a code does not matter, only whether they are apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from drl.theory.mixture import Mixture

Part = tuple[Tensor, NDArray[np.int64]]


@dataclass(frozen=True)
class Reading:
    """What was read from codes.

    Attributes:
        val_accuracy: Percent of the classes of the validation codes.
        test_accuracy: Percent of those of the test codes.
        reconstruction_error: Mean squared error of x_0 read from test codes, over the variance of x_0: 0 is all of it,
            1 nothing.
    """

    val_accuracy: float
    test_accuracy: float
    reconstruction_error: float


class Probes:
    """Samples of a mixture, split in three, and probes on whatever codes they are given."""

    def __init__(
        self, mixture: Mixture, sizes: tuple[int, int, int], neighbours: int, generator: torch.Generator
    ) -> None:
        """Draw the samples.

        Args:
            mixture: Where from.
            sizes: Of train, validation and test.
            neighbours: Of each probe.
            generator: Of the draws.
        """
        self.variance, self.neighbours = mixture.variance, neighbours
        self.train, self.validation, self.test = (_part(mixture, size, generator) for size in sizes)

    @torch.no_grad()
    def read(self, encode: Callable[[Tensor], Tensor]) -> Reading:
        """Fit both probes on codes of the training samples and ask them about the others.

        Args:
            encode: Makes codes [n, c] of x_0 [n, d], float32.
        """
        scaler = StandardScaler()
        train = scaler.fit_transform(encode(self.train[0].float()).double().numpy())
        validation, test = (
            scaler.transform(encode(part[0].float()).double().numpy()) for part in (self.validation, self.test)
        )
        classes = KNeighborsClassifier(self.neighbours).fit(train, self.train[1])
        images = KNeighborsRegressor(self.neighbours).fit(train, self.train[0].numpy())
        errors = ((images.predict(test) - self.test[0].numpy()) ** 2).sum(1)
        return Reading(
            100 * float(classes.score(validation, self.validation[1])),
            100 * float(classes.score(test, self.test[1])),
            float(errors.mean()) / self.variance,
        )


def _part(mixture: Mixture, size: int, generator: torch.Generator) -> Part:
    x_0, labels = mixture.sample(size, generator)
    return x_0, labels.numpy()
