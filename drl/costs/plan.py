"""The plan: jobs, hours and disk of items, each job counted once in the total."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from drl.costs.jobs import KINDS, Amounts, Division, kind_of
from drl.costs.rates import Rate
from drl.pipeline.step import PlannedJob
from drl.pipeline.work import WorkUnit

PAPER_THREADS = 4  # of a job at scale paper; at other scales one (workflow/rules)


@dataclass
class JobSum:
    """What some jobs cost together.

    Attributes:
        jobs: How many of each kind.
        made: How many have their file.
        seconds: On the device, one job after another, as far as they are known.
        left: Likewise of those that are not made.
        disk: Bytes.
        unknown: Jobs of whose time a part is not known.
        unknown_left: Likewise of those that are not made.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    made: int = 0
    seconds: float = 0.0
    left: float = 0.0
    disk: int = 0
    unknown: int = 0
    unknown_left: int = 0

    @property
    def count(self) -> int:
        """All jobs."""
        return self.jobs.total()

    def words(self) -> str:
        """Return `16 pretrain, 16 probe, 1 draw` in the order in which they run."""
        return ", ".join(f"{self.jobs[kind]} {kind.replace('_', '-')}" for kind in KINDS if self.jobs[kind])

    def plain(self) -> dict[str, Any]:
        """Return plain values; hours are null where nothing of them is known."""
        return {
            "jobs": {kind: self.jobs[kind] for kind in KINDS if self.jobs[kind]},
            "made": self.made,
            "hours": None if self.unknown and not self.seconds else round(self.seconds / 3600, 4),
            "hours_left": None if self.unknown_left and not self.left else round(self.left / 3600, 4),
            "disk_bytes": self.disk,
            "jobs_of_unknown_time": self.unknown,
        }


@dataclass(frozen=True)
class Plan:
    """What items cost.

    Attributes:
        amounts: The work of jobs.
        division: All jobs of each item that was asked for.
        rates: Of each unit of work.
        disk: Bytes of each job.
        made: Jobs whose output exists.
        needed_files: Model files that trainings start from, which are not there and which nothing here makes.
    """

    amounts: Amounts
    division: Division
    rates: Mapping[WorkUnit, Rate]
    disk: Mapping[PlannedJob, int]
    made: frozenset[PlannedJob] = frozenset()
    needed_files: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        """What was asked for."""
        return tuple(self.division.by_item)

    def total(self, jobs: Iterable[PlannedJob] | None = None) -> JobSum:
        """Add jobs up; by default all of them."""
        found = JobSum()
        for job in self.division.jobs if jobs is None else jobs:
            times = [amount.count * self.rates[amount.unit].seconds for amount in self.amounts.of(job)]
            seconds, unknown = sum(time for time in times if not math.isnan(time)), any(map(math.isnan, times))
            to_do = job not in self.made
            found.jobs[kind_of(job)] += 1
            found.made += not to_do
            found.seconds += seconds
            found.left += seconds * to_do
            found.disk += self.disk[job]
            found.unknown += unknown
            found.unknown_left += unknown and to_do
        return found

    def alone(self, item: str) -> JobSum:
        """Return what an item costs that is made alone."""
        return self.total(self.division.by_item[item])

    def own(self, item: str) -> JobSum:
        """Return what of an item no other one of those asked for needs."""
        return self.total(self.division.own(item, self.items))

    def shared(self) -> dict[tuple[str, ...], JobSum]:
        """Return what several of all items need, by these items, the longest first."""
        sums = {items: self.total(jobs) for items, jobs in self.division.shared().items()}
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1].seconds, pair[0])))

    def by_kind(self) -> dict[str, JobSum]:
        """Return what jobs of each kind cost."""
        jobs = self.division.jobs
        sums = {kind: self.total(job for job in jobs if kind_of(job) == kind) for kind in KINDS}
        return {kind: found for kind, found in sums.items() if found.count}

    def by_unit(self) -> dict[WorkUnit, float]:
        """Return the seconds of each unit of work, the longest first, then those that are not known."""
        found = {
            unit: count * self.rates[unit].seconds for unit, count in needed(self.amounts, self.division.jobs).items()
        }
        return dict(sorted(found.items(), key=lambda pair: 1 if math.isnan(pair[1]) else -pair[1]))


def needed(amounts: Amounts, jobs: Iterable[PlannedJob]) -> dict[WorkUnit, float]:
    """Return how many of each unit of work jobs need."""
    counts: dict[WorkUnit, float] = {}
    for job in jobs:
        for amount in amounts.of(job):
            counts[amount.unit] = counts.get(amount.unit, 0.0) + amount.count
    return counts


def job_threads(scale: str, cores: int) -> int:
    """Return the CPU threads that a job is given on a machine of so many cores."""
    return min(cores, PAPER_THREADS if scale == "paper" else 1)
