"""Length and learning rate of LaplaceNet's training (authors' code); pure Python, because the configuration uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drl.config.fine_tuning import FineTuneProtocol
from drl.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """The outer epochs: first supervised ones, with several passes over the labelled images, then semi-supervised ones.

    Attributes:
        supervised_epochs: Number of outer epochs with only labelled images.
        passes: Passes over the labelled images in each of them.
        pass_steps: Steps of a pass, floor(n / B); its incomplete last batch is dropped.
        semi_steps: Steps of a semi-supervised epoch, s = floor((N - n) / (B - B_l)): one pass over the other images, or
            less if the settings limit it.
        epochs: Total number of outer epochs, E = supervised + floor((steps - supervised steps) / s).
        tail: Number of epochs after the end at which the cosine would reach 0.
        learning_rate: The initial learning rate.
    """

    supervised_epochs: int
    passes: int
    pass_steps: int
    semi_steps: int
    epochs: int
    tail: int
    learning_rate: float

    @classmethod
    def of(cls, labels: int, images: int, settings: FineTuneProtocol) -> Schedule:
        """Compute the schedule.

        Args:
            labels: Number of images that keep their labels, n.
            images: Number of images to train on, N, including the labelled ones.
            settings: The protocol.

        Raises:
            UserError: If a batch cannot be filled, or the steps do not reach beyond the supervised epochs.
        """
        batch, others = settings.batch_size, settings.batch_size - settings.labelled_batch
        if labels < batch:
            raise UserError(
                f"{labels} labels do not fill a batch of {batch}, so there would be no supervised step; "
                "give at least as many labels, or lower studies.fine_tune.batch_size"
            )
        if images - labels < others:
            raise UserError(
                f"{images - labels} images without a label do not fill their {others} places in a batch; "
                "give fewer labels, or lower studies.fine_tune.batch_size"
            )
        pass_steps, semi_steps = labels // batch, (images - labels) // others
        semi_steps = min(semi_steps, settings.epoch_steps or semi_steps)
        first = settings.supervised_epochs * settings.passes * pass_steps
        more = (settings.steps - first) // semi_steps
        if more < 1:
            raise UserError(
                f"studies.fine_tune.steps {settings.steps} leave no epoch after the {first} supervised "
                f"steps with {labels} labels; give at least {first + semi_steps}"
            )
        return cls(
            settings.supervised_epochs,
            settings.passes,
            pass_steps,
            semi_steps,
            settings.supervised_epochs + more,
            settings.tail_epochs,
            settings.learning_rate,
        )

    def steps(self, epoch: int) -> int:
        """Return the number of steps of an outer epoch (the first is 0)."""
        return self.passes * self.pass_steps if epoch < self.supervised_epochs else self.semi_steps

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step: a cosine over E + tail epochs.

        In a supervised epoch, the fraction of the epoch restarts with every pass, as in the authors' code.

        Args:
            epoch: Outer epoch, from 0.
            step: Step in that epoch, from 0.
        """
        length = self.pass_steps if epoch < self.supervised_epochs else self.semi_steps
        done = epoch + (step % length) / length
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * done / (self.epochs + self.tail)))
