"""Running a training to its end: progress, saved states, stops."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from drl.errors import Unfinished
from drl.jobs.progress import Reporter
from drl.training.state import load_state, save_state


@dataclass(frozen=True)
class Resources:
    """Where to compute and how to survive interruption; nothing here changes the result beyond rounding."""

    device: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    threads: int | None = None
    save_minutes: float = 5.0
    wall_clock_minutes: float | None = None


@dataclass(frozen=True)
class Ran:
    """How a training went.

    Attributes:
        images_per_second: In the last process.
        earlier_seconds: What processes that were interrupted took, up to their last saved states.
    """

    images_per_second: float
    earlier_seconds: float


class Resumable(Protocol):
    """A training that can be stopped after any step, and gone on with bit for bit.

    Attributes:
        step: Steps made.
        images_per_step: For the rate.
    """

    step: int
    images_per_step: int

    @property
    def total(self) -> int:
        """Steps in all."""
        ...

    def advance(self) -> None:
        """Make one step."""
        ...

    def check(self) -> None:
        """Raise UserError if what was made is not finite, so that it is not saved."""
        ...

    def note(self) -> str:
        """Return what the progress line says besides."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the state."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return its plain values."""
        ...

    def load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Take back what `tensors` and `facts` gave."""
        ...


def run(
    training: Resumable,
    title: str,
    state: Path,
    belongs_to: dict[str, Any],
    save_minutes: float,
    wall_clock_minutes: float | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
    on_save: Callable[[Path], object] = lambda folder: None,
    began: float | None = None,
) -> Ran:
    """Train to the end, from a saved state where there is one.

    Args:
        training: Fresh.
        title: For the progress line.
        state: File of the saved state.
        belongs_to: What must be equal for a state to be used.
        save_minutes: How often it is saved.
        wall_clock_minutes: So long after the job began, save and stop.
        stop_requested: Asked after every step; true saves and stops.
        on_save: Called with the state's folder whenever a state is saved.
        began: When the job began, in seconds of time.monotonic; None: now.

    Returns:
        How fast it was, and how long earlier processes took.

    Raises:
        Unfinished: After a stop that was asked for.
        UserError: If the loss is not finite, or the state is damaged or another's.
    """
    started = saved = time.monotonic()
    began = started if began is None else began
    earlier = 0.0
    found = load_state(state, belongs_to)
    if found is not None:
        earlier = found[1].pop("seconds")
        training.load(*found)
        print(f"{title}: goes on from step {training.step} of {training.total}", file=sys.stderr, flush=True)

    def save() -> None:
        training.check()
        spent = {"seconds": earlier + time.monotonic() - began}
        save_state(state, training.tensors(), training.facts() | spent, belongs_to)
        on_save(state.parent)

    with Reporter(title, training.total, training.step, per_step=training.images_per_step) as reporter:
        while training.step < training.total:
            training.advance()
            reporter.advance(training.note() if reporter.due() else "")
            now = time.monotonic()
            over = wall_clock_minutes is not None and now - began >= 60 * wall_clock_minutes
            if (over or stop_requested()) and training.step < training.total:
                save()
                raise Unfinished(f"stopped at step {training.step} of {training.total}; run the same command to go on")
            if now - saved >= 60 * save_minutes:
                save()
                saved = now
    training.check()
    return Ran(reporter.rate, earlier)


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM, so that the loop can save before it stops."""
    received: list[int] = []
    handled = (signal.SIGINT, signal.SIGTERM)
    try:
        before = [signal.signal(number, lambda number, _: received.append(number)) for number in handled]
    except ValueError:  # not the main thread: the caller keeps its own handling
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in zip(handled, before, strict=True):
            signal.signal(number, handler)
