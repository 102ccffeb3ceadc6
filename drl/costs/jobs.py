"""The jobs behind each item, as Snakemake makes them, and the work of each; all from the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from drl.config.items import item_kind
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.pipeline.disk import CARD, LOG, Bytes, SizeOf
from drl.pipeline.drawing import STUDY_PARTS, item_step
from drl.pipeline.items import with_all_before
from drl.pipeline.own_study import study_dataset
from drl.pipeline.registry import STEPS
from drl.pipeline.step import PlannedJob
from drl.pipeline.work import Amount, work_unit

T = TypeVar("T")
STUDY = "study"
DRAW = "draw"
# What plans and costs call jobs: by their step, but all that draw alike.
KINDS = (*(name for name, step in STEPS.items() if step.minutes != "draw"), DRAW)


def kind_of(job: PlannedJob) -> str:
    """Return the one of KINDS that a job is."""
    return DRAW if job.step.minutes == "draw" else job.step.name


def chosen_items(config: Config, targets: Iterable[str]) -> tuple[str, ...]:
    """Return the items that targets name, in the configuration's order; without targets all of them.

    Args:
        config: The configuration.
        targets: Items, `all`, `all_figures`, `all_tables`, `study`.

    Raises:
        UserError: If a target is none of these.
    """
    groups = {"all": set(config.items)}
    groups |= {f"all_{kind}s": {item for item in config.items if item_kind(item) == kind} for kind in _GROUPED}
    wanted: set[str] = set()
    for target in targets or ["all"]:
        if target not in groups and target not in (*config.items, STUDY):
            raise UserError(f"plan: unknown target {target!r}; {nearest(target, [*config.items, *groups, STUDY])}")
        wanted |= groups.get(target, {target})
    return tuple(item for item in (*config.items, STUDY) if item in wanted)


_GROUPED = ("figure", "table")


def _drawings(config: Config, item: str) -> tuple[PlannedJob, ...]:
    if item == STUDY:
        return tuple(part.at(dataset=study_dataset(config)) for part in STUDY_PARTS)
    return (item_step(config, item).at(item=item),)


def jobs_of(config: Config, item: str) -> tuple[PlannedJob, ...]:
    """Return all jobs that an item needs when nothing is made yet, its own drawing among them."""
    return tuple(with_all_before(config, _drawings(config, item)))


def check_items(config: Config, items: Iterable[str]) -> None:
    """Check that items can be made, as Snakemake checks it when it plans them.

    Raises:
        UserError: If a dataset does not suit one of them.
    """
    for item in items:
        for job in _drawings(config, item):
            job.step.settings_for(config, job.about)


@dataclass(frozen=True)
class Division:
    """Jobs by the items that need them.

    Attributes:
        by_item: All jobs of each item that is asked about.
        used_by: The items, of all there are, that need each job.
    """

    by_item: Mapping[str, tuple[PlannedJob, ...]]
    used_by: Mapping[PlannedJob, tuple[str, ...]]

    @classmethod
    def of(cls, config: Config, items: Iterable[str]) -> Division:
        """Find the jobs of items, and all items that need each of them."""
        asked = tuple(items)
        every = {item: jobs_of(config, item) for item in dict.fromkeys((*config.items, *asked))}
        found: dict[PlannedJob, tuple[str, ...]] = {}
        for item, jobs in every.items():
            found |= {job: (*found.get(job, ()), item) for job in jobs}
        return cls({item: every[item] for item in asked}, found)

    @property
    def jobs(self) -> tuple[PlannedJob, ...]:
        """All jobs, once each."""
        return tuple(dict.fromkeys(job for jobs in self.by_item.values() for job in jobs))

    def own(self, item: str, among: Iterable[str]) -> tuple[PlannedJob, ...]:
        """Return the jobs of an item that no other one among these needs."""
        others = {*among} - {item}
        return tuple(job for job in self.by_item[item] if others.isdisjoint(self.used_by[job]))

    def shared(self) -> dict[tuple[str, ...], tuple[PlannedJob, ...]]:
        """Return the jobs that several of all items need, by these items."""
        groups: dict[tuple[str, ...], tuple[PlannedJob, ...]] = {}
        for job in self.jobs:
            if len(users := self.used_by[job]) > 1:
                groups[users] = (*groups.get(users, ()), job)
        return groups


class Amounts:
    """The work and the bytes of the jobs of one configuration, each worked out once for all seeds."""

    def __init__(self, config: Config) -> None:
        """Take the configuration."""
        self.config = config
        self._work: dict[PlannedJob, tuple[Amount, ...]] = {}
        self._disk: dict[PlannedJob, Bytes] = {}

    def of(self, job: PlannedJob) -> tuple[Amount, ...]:
        """Return the work of a job: its start, and what its step says."""

        def count() -> tuple[Amount, ...]:
            # Commands of one package import the same, and start in the same time.
            package = job.step.module.split(".")[1]
            start = Amount(work_unit("start", f"start of jobs of drl.{package}", {"package": package}), 1)
            settings = job.step.settings_for(self.config, job.about)
            more = job.step.work(self.config, settings, job.about)
            return (start, *(amount for amount in more if amount.count))

        return _once(self._work, job, count)

    def disk(self, job: PlannedJob, size_of: SizeOf) -> Bytes:
        """Return the bytes of what a job leaves, with its card and log, and of its unfinished state."""

        def count() -> Bytes:
            left, state = job.step.disk(self.config, job.step.settings_for(self.config, job.about), job.about, size_of)
            return Bytes(left + CARD + LOG, state)

        return _once(self._disk, job, count)


def _once(known: dict[PlannedJob, T], job: PlannedJob, count: Callable[[], T]) -> T:
    alike = job.step.at(**{name: 0 if name in ("seed", "split") else value for name, value in job.axes})
    if alike not in known:
        known[alike] = count()
    return known[alike]
