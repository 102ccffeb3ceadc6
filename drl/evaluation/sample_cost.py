"""What `drl sample` will cost, measured on its first steps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from drl.errors import UserError
from drl.jobs.durations import duration

# The first step also prepares things that later ones have.
UNTIMED, TIMED = 1, 3


class Cost:
    """Counts steps; after the first few, says how long all will take, and stops if that is too long."""

    def __init__(self, what: str, steps: int, most_minutes: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Expect a number of steps.

        Args:
            what: What they make, for the line.
            steps: How many there are.
            most_minutes: The longest that they may take.
            clock: Returns seconds.
        """
        self.what, self.steps, self.most_minutes, self.clock = what, steps, most_minutes, clock
        self.done, self.started = 0, 0.0

    def advance(self) -> None:
        """Count one step.

        Raises:
            UserError: If all of them would take longer than `most_minutes`.
        """
        self.done += 1
        if self.done == UNTIMED:
            self.started = self.clock()
        elif self.done == UNTIMED + TIMED:
            # Batches after the first are as large or smaller, so this is the most.
            seconds = self.steps * (self.clock() - self.started) / TIMED
            self._say(seconds)

    def _say(self, seconds: float) -> None:
        said = f"{self.what}: about {duration(seconds)} at most, measured on {TIMED} of {self.steps:,} steps"
        if seconds > 60 * self.most_minutes:
            raise UserError(
                f"sample: {said}, and --most-minutes is {self.most_minutes:g}; give fewer images, samples or steps, "
                f"or --most-minutes {seconds / 60 + 1:.0f}"
            )
        print(f"drl: sample: {said}", file=sys.stderr, flush=True)
