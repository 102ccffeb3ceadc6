"""The plan: jobs, hours and disk of items, each job counted once in the total. Pure Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drl.config.recipes import is_file
from drl.costs.jobs import KINDS, Job, jobs_of, users
from drl.costs.rates import Rate
from drl.costs.work import Amounts, Load
from drl.pipeline.items import BUILT

PAPER_THREADS = 4  # of a job at scale paper; at other scales one (workflow/rules)


@dataclass
class Sum:
    """What some jobs cost together.

    Attributes:
        jobs: How many of each kind.
        made: How many have their file.
        seconds: On the device, one job after another.
        left: Likewise of those that are not made.
        operations: Floating-point operations of their networks, where they were counted.
        disk: Bytes.
        unknown: Jobs of whose time a part is not known.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    made: int = 0
    seconds: float = 0.0
    left: float = 0.0
    disk: int = 0
    unknown: int = 0

    @property
    def count(self) -> int:
        """All jobs."""
        return self.jobs.total()

    def words(self) -> str:
        """Return `16 pretrain, 16 probe, 1 draw` in the order in which they run."""
        return ", ".join(f"{self.jobs[kind]} {kind.replace('_', '-')}" for kind in KINDS if self.jobs[kind])

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "jobs": {kind: self.jobs[kind] for kind in KINDS if self.jobs[kind]},
            "made": self.made,
            "hours": round(self.seconds / 3600, 4),
            "hours_left": round(self.left / 3600, 4),
            "disk_bytes": self.disk,
            "jobs_of_unknown_time": self.unknown,
        }


@dataclass(frozen=True)
class Plan:
    """What items cost.

    Attributes:
        amounts: The work of jobs.
        items: What was asked for.
        by_item: All jobs of each of them.
        used_by: The items, of all there are, that need each job.
        rates: Of each load.
        disk: Bytes of each job, by output.
        made: Outputs that exist.
    """

    amounts: Amounts
    items: tuple[str, ...]
    by_item: Mapping[str, Mapping[str, Job]]
    used_by: Mapping[str, tuple[str, ...]]
    rates: Mapping[Load, Rate]
    disk: Mapping[str, int]
    made: frozenset[str]

    @property
    def jobs(self) -> dict[str, Job]:
        """All jobs, once each."""
        return {output: job for jobs in self.by_item.values() for output, job in jobs.items()}

    def seconds(self, job: Job) -> float:
        """Return how long a job takes; what is not known of it counts as nothing."""
        times = (work.count * self.rates[work.load].seconds for work in self.amounts.of(job))
        return sum(seconds for seconds in times if not math.isnan(seconds))

    def unknown(self, job: Job) -> bool:
        """Whether a part of a job's time is not known."""
        return any(math.isnan(self.rates[work.load].seconds) for work in self.amounts.of(job))

    def total(self, jobs: Mapping[str, Job] | None = None) -> Sum:
        """Add jobs up; by default all of them."""
        found = Sum()
        for output, job in (self.jobs if jobs is None else jobs).items():
            seconds = self.seconds(job)
            found.jobs[job.kind] += 1
            found.made += output in self.made
            found.seconds += seconds
            found.left += 0 if output in self.made else seconds
            found.disk += self.disk[output]
            found.unknown += self.unknown(job)
        return found

    def alone(self, item: str) -> Sum:
        """Return what an item costs that is made alone."""
        return self.total(self.by_item[item])

    def own(self, item: str) -> Sum:
        """Return what of an item no other one of those asked for needs."""
        return self.total({name: job for name, job in self.by_item[item].items() if self._asking(name) == (item,)})

    def shared(self) -> dict[tuple[str, ...], Sum]:
        """Return what several of all items need, by these items, the longest first."""
        groups: dict[tuple[str, ...], dict[str, Job]] = {}
        for output, job in self.jobs.items():
            if len(self.used_by[output]) > 1:
                groups.setdefault(self.used_by[output], {})[output] = job
        sums = {items: self.total(jobs) for items, jobs in groups.items()}
        return dict(sorted(sums.items(), key=lambda pair: (-pair[1].seconds, pair[0])))

    def by_kind(self) -> dict[str, Sum]:
        """Return what jobs of each kind cost."""
        jobs = self.jobs
        sums = {kind: self.total({name: job for name, job in jobs.items() if job.kind == kind}) for kind in KINDS}
        return {kind: found for kind, found in sums.items() if found.count}

    def by_load(self) -> dict[Load, float]:
        """Return the seconds of each load, the longest first."""
        found: dict[Load, float] = {}
        for job in self.jobs.values():
            for work in self.amounts.of(job):
                found[work.load] = found.get(work.load, 0.0) + work.count * self.rates[work.load].seconds
        return dict(sorted(found.items(), key=lambda pair: -pair[1] if not math.isnan(pair[1]) else 1))

    def needed_files(self) -> tuple[str, ...]:
        """Return the model files that recipes start from and that nothing here makes."""
        config, names = self.amounts.config, set()
        for job in self.jobs.values():
            if job.kind == "pretrain" and job.model is not None:
                before = self.amounts.recipe(job.dataset, job.model.recipe)["start_from"]
                names |= {before} if before is not None and is_file(before) and not Path(before).is_file() else set()
        assert config is not None
        return tuple(sorted(names))

    def _asking(self, output: str) -> tuple[str, ...]:
        return tuple(item for item in self.used_by[output] if item in self.items)


def collect(amounts: Amounts, items: tuple[str, ...]) -> tuple[dict[str, dict[str, Job]], dict[str, tuple[str, ...]]]:
    """Return the jobs of items, and the items, of all there are, that need each job."""
    every = {item: jobs_of(amounts.config, item) for item in dict.fromkeys((*BUILT, *items))}
    return {item: every[item] for item in items}, users(every)


def needed(amounts: Amounts, by_item: Mapping[str, Mapping[str, Job]]) -> dict[Load, float]:
    """Return how many units of each load items need."""
    jobs = {output: job for jobs in by_item.values() for output, job in jobs.items()}
    counts: dict[Load, float] = {}
    for job in jobs.values():
        for work in amounts.of(job):
            counts[work.load] = counts.get(work.load, 0.0) + work.count
    return counts


def job_threads(scale: str, cores: int) -> int:
    """Return the CPU threads that a job is given on a machine of so many cores."""
    return min(cores, PAPER_THREADS if scale == "paper" else 1)
