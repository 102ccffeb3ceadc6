"""Measure how useful codes are downstream: predict classes and x_0 from them by k nearest neighbours.

Nearest neighbours need no training and no learning rate, so only the codes differ between methods. What counts is
whether classes are separated in the codes, not where they lie.
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

from drl.errors import UserError
from drl.theory.mixture import Mixture

LabelledSample = tuple[Tensor, NDArray[np.int64]]


@dataclass(frozen=True)
class Reading:
    """Results of the predictions from codes.

    Attributes:
        val_accuracy: Accuracy of the class on validation codes, in percent.
        test_accuracy: Accuracy of the class on test codes, in percent.
        reconstruction_error: Mean squared error of x_0 predicted from test codes, divided by the variance of x_0: 0 for
            a perfect prediction, 1 if the codes say nothing.
    """

    val_accuracy: float
    test_accuracy: float
    reconstruction_error: float


class Probes:
    """Samples of a mixture, split into three parts, and probes on given codes of them."""

    def __init__(
        self, mixture: Mixture, sizes: tuple[int, int, int], neighbours: int, generator: torch.Generator
    ) -> None:
        """Draw the samples.

        Args:
            mixture: The mixture to draw from.
            sizes: Number of training, validation and test samples.
            neighbours: Number of neighbours that each probe uses.
            generator: Source of randomness.
        """
        self.variance, self.neighbours = mixture.variance, neighbours
        self.train, self.validation, self.test = (_sample(mixture, size, generator) for size in sizes)

    @torch.no_grad()
    def read(self, encode: Callable[[Tensor], Tensor]) -> Reading:
        """Fit both probes on codes of the training samples and evaluate them on the others.

        Args:
            encode: Function from x_0 [n, d] to codes [n, c], float32.

        Raises:
            UserError: If a code is not finite.
        """
        scaler = StandardScaler()
        train, validation, test = (
            encode(part[0].float()).double().numpy() for part in (self.train, self.validation, self.test)
        )
        if not all(np.isfinite(codes).all() for codes in (train, validation, test)):
            raise UserError("theory: codes are not finite numbers; lower studies.theory.optimiser.learning_rate")
        train = scaler.fit_transform(train)
        validation, test = scaler.transform(validation), scaler.transform(test)
        classes = KNeighborsClassifier(self.neighbours).fit(train, self.train[1])
        images = KNeighborsRegressor(self.neighbours).fit(train, self.train[0].numpy())
        errors = ((images.predict(test) - self.test[0].numpy()) ** 2).sum(1)
        return Reading(
            100 * float(classes.score(validation, self.validation[1])),
            100 * float(classes.score(test, self.test[1])),
            float(errors.mean()) / self.variance,
        )


def _sample(mixture: Mixture, size: int, generator: torch.Generator) -> LabelledSample:
    x_0, labels = mixture.sample(size, generator)
    return x_0, labels.numpy()
