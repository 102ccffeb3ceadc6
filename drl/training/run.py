"""Run a training to its end: progress, saved states, stops, and the run card."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from drl.config.base import Settings
from drl.errors import Unfinished, UserError, clean
from drl.files import fingerprint
from drl.jobs.completion import JobFiles, sole_job
from drl.jobs.device import Placement, memory_used
from drl.jobs.job import Job, Resources
from drl.jobs.progress import Reporter
from drl.records.run_card import write_card
from drl.training.graphed import Graphed
from drl.training.state import belongs_to, load_state, save_state


@dataclass(frozen=True)
class Ran:
    """Speed and duration of a training.

    Attributes:
        images_per_second: Rate of the last process.
        earlier_seconds: Time of earlier, interrupted processes, up to their last saved states.
    """

    images_per_second: float
    earlier_seconds: float


class Resumable(Protocol):
    """A training that can be stopped after any step and resumed bit for bit.

    Attributes:
        step: Number of steps so far.
        images_per_step: Number of images in a step, for the rate.
        graphed: Runs the steps.
    """

    step: int
    images_per_step: int
    graphed: Graphed

    @property
    def total(self) -> int:
        """Total number of steps."""
        ...

    def advance(self) -> None:
        """Do one step."""
        ...

    def check(self) -> None:
        """Raise UserError if a result is not finite, so that it is not saved."""
        ...

    def note(self) -> str:
        """Return additional text for the progress line."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the state."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        ...

    def load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore the results of `tensors` and `facts`."""
        ...


def train_job(
    job: Job[Settings],
    training: Resumable,
    placement: Placement,
    inputs: Mapping[Path, str],
    began: float,
    on_save: Callable[[Path], object],
    write: Callable[[], Sequence[Path]],
    **facts: Any,
) -> None:
    """Train a job's model to the end in only one process at a time; write its files, and the run card beside the first.

    Args:
        job: The job.
        training: A training before its first step; it continues from the job's saved state if there is one.
        placement: Device, precision and so on.
        inputs: SHA-256 of the files that the job reads.
        began: Start of the job, in seconds of time.monotonic.
        on_save: Called with the state's folder whenever a state is saved.
        write: Writes the finished files, and returns them.
        facts: Additional entries of the run card.

    Raises:
        UserError: If the loss is not finite, or the state is damaged or belongs to another job.
        drl.errors.Unfinished: After a requested stop.
    """
    settings, minutes = job.settings.slice(), job.resources.wall_clock_minutes
    mark = fingerprint(dict(job.about), settings, job.code_digest, *inputs.values())
    owner = belongs_to(mark, placement)
    files = JobFiles(job.title, job.out, job.states / mark, settings, job.code_digest, inputs, owner, job.about)
    with sole_job(files, None if minutes is None else began + 60 * minutes) as done:
        if done:
            return
        try:
            ran = train(training, job.title, files.state_file, owner, job.resources, on_save, began)
        except UserError as error:
            raise UserError(f"{job.title}: {error}") from error
        write_card(
            job.study,
            write(),
            settings,
            job.code_digest,
            inputs=inputs,
            **job.about,
            **placement.describe(),
            graphs=training.graphed.captured,
            **facts,
            seconds=round(ran.earlier_seconds + time.monotonic() - began, 2),
            images_per_second=round(ran.images_per_second, 1),
            **memory_used(placement.device),
        )


def train(
    training: Resumable,
    title: str,
    state: Path,
    owner: dict[str, Any],
    resources: Resources,
    on_save: Callable[[Path], object],
    began: float,
) -> Ran:
    """Train to the end, starting from the saved state if there is one.

    Args:
        training: A training before its first step.
        title: Title of the progress line.
        state: File of the saved state.
        owner: Facts that must be equal for a state to be used; see `belongs_to`.
        resources: How often to save, and how long after `began` to save and stop. A signal has the same effect.
        on_save: Called with the state's folder whenever a state is saved.
        began: Start of the job, in seconds of time.monotonic.

    Returns:
        The rate, and the time of earlier processes.

    Raises:
        Unfinished: After a requested stop.
        UserError: If the loss is not finite, or the state is damaged or belongs to another job.
    """
    saved, earlier, minutes = time.monotonic(), 0.0, resources.wall_clock_minutes
    found = load_state(state, owner)
    if found is not None:
        earlier = _take_back(training, state, *found)
        print(f"{title}: continues from step {training.step} of {training.total}", file=sys.stderr, flush=True)

    def save() -> None:
        training.check()
        spent = {"seconds": earlier + time.monotonic() - began}
        save_state(state, training.tensors(), training.facts() | spent, owner)
        on_save(state.parent)

    progress = Reporter(title, training.total, training.step, per_step=training.images_per_step)
    with stop_signals() as stopped, progress as reporter:
        while training.step < training.total:
            training.advance()
            reporter.advance(training.note() if reporter.due() else "")
            now = time.monotonic()
            over = minutes is not None and now - began >= 60 * minutes
            if (over or stopped) and training.step < training.total:
                save()
                raise Unfinished(f"stopped at step {training.step} of {training.total}; run the same command to go on")
            if now - saved >= 60 * resources.save_minutes:
                save()
                saved = now
    training.check()
    return Ran(reporter.rate, earlier)


def _take_back(training: Resumable, path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> float:
    """Load a state whose checksum is correct, and return the seconds that were spent on it.

    Raises:
        UserError: If it does not fit the training.
    """
    try:
        earlier = facts.pop("seconds")
        training.load(tensors, facts)
        whole = math.isfinite(earlier) and type(training.step) is int and 0 <= training.step <= training.total
    except torch.OutOfMemoryError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, UserError) as error:
        raise UserError(
            f"{path}: is not a state of this training ({clean(error, 160)}); remove {path.parent} to start again"
        ) from error
    if not whole:
        raise UserError(f"{path}: contains a wrong step or time; remove {path.parent} to start again")
    return float(earlier)


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
