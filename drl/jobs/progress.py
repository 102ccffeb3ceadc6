"""Progress of long work: a bar in a terminal, or a plain line at intervals in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from drl.jobs.durations import duration

LINE_SECONDS = 10.0


class Reporter:
    """Shows steps done, rate and time left.

    Use it as a context manager; `advance` is cheap and may be called at every step.
    """

    def __init__(self, title: str, total: int, done: int = 0, unit: str = "images", per_step: int = 1) -> None:
        """Start at `done` of `total` steps; for the rate, each step counts as `per_step` units."""
        self.title, self.total, self.done, self.unit, self.per_step = title, total, done, unit, per_step
        self.first = done
        self.started = self.printed = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Reporter:
        """Open the bar if there is a terminal."""
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total} steps  {task.fields[note]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self.title, total=self.total, completed=self.done, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar, or print a last line."""
        if self._bar is not None:
            self._bar.stop()
        elif kind is None:
            self._line("")

    @property
    def rate(self) -> float:
        """Units per second since this process started."""
        return (self.done - self.first) * self.per_step / max(time.monotonic() - self.started, 1e-9)

    def due(self) -> bool:
        """Whether the next `advance` will print a line, so that the caller may fetch a note for it."""
        return self._bar is None and time.monotonic() - self.printed >= LINE_SECONDS

    def advance(self, note: str = "") -> None:
        """Count one step; `note` is shown after the rate."""
        self.done += 1
        if self._bar is not None and self._task is not None:
            text = f"{self.rate:,.0f} {self.unit}/s  {note}"
            self._bar.update(self._task, completed=self.done, note=text)
        elif self.due():
            self._line(note)

    def _line(self, note: str) -> None:
        self.printed = time.monotonic()
        left = (self.total - self.done) * self.per_step / max(self.rate, 1e-9)
        text = f"{self.title}: step {self.done}/{self.total}, {self.rate:,.0f} {self.unit}/s"
        if self.done < self.total:
            text += f", {duration(left)} left"
        print(f"{text}{', ' if note else ''}{note}", file=sys.stderr, flush=True)
