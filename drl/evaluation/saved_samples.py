"""Files with which a sampling job resumes: finished batches, and the state of the current batch."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from torch import Tensor

from drl.diffusion.samplers.chain import ChainState
from drl.errors import Unfinished
from drl.evaluation.sampling import Journal
from drl.jobs.device import Placement
from drl.jobs.job import Resources
from drl.training.state import belongs_to, facts_of, load_state, save_state


def seconds_saved(folder: Path) -> float:
    """Return the time taken by the processes that left a job's files in a folder; 0 if there are none."""
    return max((facts_of(path).get("seconds", 0.0) for path in folder.glob("*.safetensors")), default=0.0)


class SavedSamples:
    """The saved files of one job, in a separate folder."""

    def __init__(self, folder: Path, placement: Placement, resources: Resources, started: float, batches: int) -> None:
        """Name the job.

        Args:
            folder: The job's folder; its name depends on all that decides the samples.
            placement: Device, precision, threads; a state is valid for only one of each.
            resources: How often to save, and when to stop.
            started: When the job began, in seconds of time.monotonic.
            batches: How many there are in all.
        """
        self._folder, self._resources, self._batches = folder, resources, batches
        self._owner = {**belongs_to(folder.name, placement), "batch": resources.sampling_batch}
        self._started = self._saved = started
        self._earlier = seconds_saved(folder)

    def journal(self) -> Journal:
        """Return the saved results of an interrupted run, and how to save more.

        Raises:
            UserError: If a file is damaged, or was saved on another device or with other versions.
        """
        done: list[Tensor] = []
        for number in count():
            saved = load_state(self._file(number), self._owner)
            if saved is None:
                break
            done.append(saved[0]["images"])
        return Journal(done, self._keep, self._part(len(done)), self._keep_part)

    def _part(self, number: int) -> ChainState | None:
        saved = load_state(self._folder / "part.safetensors", self._owner)
        if saved is None or saved[1]["batch"] != number:
            return None
        return ChainState(saved[1]["step"], **saved[0])

    def _keep(self, number: int, images: Tensor) -> None:
        if self._batches == 1:
            return
        save_state(self._file(number), {"images": images}, self._spent(), self._owner)
        if number + 1 < self._batches:
            self._stop_if_over(f"batch {number + 1} of {self._batches}")

    def _keep_part(self, number: int, state: Callable[[], ChainState]) -> None:
        now = time.monotonic()
        over = self._over(now)
        if now - self._saved < 60 * self._resources.save_minutes and not over:
            return
        found = state()
        tensors = {"x": found.x, "mean": found.mean, "noise": found.noise}
        facts = {"batch": number, "step": found.step, **self._spent()}
        save_state(self._folder / "part.safetensors", tensors, facts, self._owner)
        self._saved = now
        self._stop_if_over(f"step {found.step} of batch {number + 1} of {self._batches}")

    def _spent(self) -> dict[str, float]:
        return {"seconds": self._earlier + time.monotonic() - self._started}

    def _over(self, now: float) -> bool:
        minutes = self._resources.wall_clock_minutes
        return minutes is not None and now - self._started >= 60 * minutes

    def _stop_if_over(self, where: str) -> None:
        if self._over(time.monotonic()):
            raise Unfinished(f"stopped at {where}; run the same command to go on")

    def _file(self, number: int) -> Path:
        return self._folder / f"batch{number:06d}.safetensors"
