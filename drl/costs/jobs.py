"""The jobs behind each item, as Snakemake plans them, and the work of each; all taken from the registry."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd

from drl.config.items import item_kind
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.pipeline.disk import CARD, LOG, Bytes, SizeOf
from drl.pipeline.drawing import STUDY_PARTS, item_step
from drl.pipeline.items import with_all_before
from drl.pipeline.own_study import study_dataset
from drl.pipeline.registry import STEPS
from drl.pipeline.step import PlannedJob
from drl.pipeline.units import Amount, WorkUnit

STUDY = "study"
DRAW = "draw"
# The kinds of jobs in plans and costs: one per step, but a single kind for all drawings.
KINDS = (*(name for name, step in STEPS.items() if step.minutes != "draw"), DRAW)


def kind_of(job: PlannedJob) -> str:
    """Return a job's kind, one of KINDS."""
    return DRAW if job.step.minutes == "draw" else job.step.name


def chosen_items(config: Config, targets: Iterable[str]) -> tuple[str, ...]:
    """Return the items that the targets name, in the configuration's order; without targets, all items.

    Args:
        config: The configuration.
        targets: Items, `all`, `all_figures`, `all_tables`, `study`.

    Raises:
        UserError: If a target is none of these.
    """
    groups = {"all": set(config.items)}
    for kind in ("figure", "table"):
        groups[f"all_{kind}s"] = {item for item in config.items if item_kind(item) == kind}
    wanted: set[str] = set()
    for target in targets or ["all"]:
        if target not in groups and target not in (*config.items, STUDY):
            raise UserError(f"plan: unknown target {target!r}; {nearest(target, [*config.items, *groups, STUDY])}")
        wanted |= groups.get(target, {target})
    return tuple(item for item in (*config.items, STUDY) if item in wanted)


def _drawings(config: Config, item: str) -> tuple[PlannedJob, ...]:
    if item == STUDY:
        return tuple(part.at(dataset=study_dataset(config)) for part in STUDY_PARTS)
    return (item_step(config, item).at(item=item),)


def jobs_of(config: Config, item: str) -> tuple[PlannedJob, ...]:
    """Return all jobs that an item needs if nothing is made yet, including its drawing."""
    return tuple(with_all_before(config, _drawings(config, item)))


def check_items(config: Config, items: Iterable[str]) -> None:
    """Check that items can be made, as Snakemake does when it plans them.

    Raises:
        UserError: If a dataset does not fit one of them.
    """
    for item in items:
        for job in _drawings(config, item):
            job.step.settings_for(config, job.about)


def job_table(config: Config, items: Iterable[str]) -> pd.DataFrame:
    """Return all jobs of items, one row each: the job, its kind, and its users, which are all items that need it."""
    asked = tuple(items)
    jobs: dict[str, tuple[PlannedJob, ...]] = {}
    for item in dict.fromkeys((*config.items, *asked)):
        try:
            jobs[item] = jobs_of(config, item)
        except UserError:
            # Another item may not be possible with the requested dataset; then it uses no job.
            if item in asked:
                raise
    users: dict[PlannedJob, tuple[str, ...]] = {}
    for item, needed in jobs.items():
        users |= {job: (*users.get(job, ()), item) for job in needed}
    rows = dict.fromkeys(job for item in asked for job in jobs[item])
    return pd.DataFrame({"job": list(rows), "kind": map(kind_of, rows), "users": [users[job] for job in rows]})


def of_item(rows: pd.DataFrame, item: str) -> pd.DataFrame:
    """Return the jobs that an item needs."""
    return rows[[item in users for users in rows["users"]]]


def own(rows: pd.DataFrame, item: str, among: Iterable[str]) -> pd.DataFrame:
    """Return the jobs that only this item needs, among the given ones."""
    asked = {*among, item}
    return rows[[asked.intersection(users) == {item} for users in rows["users"]]]


def shared(rows: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Return the jobs that several items need, grouped by these items, the longest first."""
    groups = [(users, rows[[other == users for other in rows["users"]]]) for users in dict.fromkeys(rows["users"])]
    several = [(users, group) for users, group in groups if len(users) > 1]
    return sorted(several, key=lambda pair: (-pair[1]["seconds"].sum(), pair[0]))


class Amounts:
    """The work and the bytes of one configuration's jobs, each computed once for all seeds."""

    def __init__(self, config: Config) -> None:
        """Store the configuration."""
        self.config = config
        self._work, self._disk = cache(self._work_of), cache(self._disk_of)

    def of(self, job: PlannedJob) -> tuple[Amount, ...]:
        """Return the work of a job: its start, and the work of its step."""
        return self._work(_any_seed(job))

    def disk(self, job: PlannedJob, size_of: SizeOf) -> Bytes:
        """Return the bytes of a job's outputs, with its card and log, and of its unfinished state."""
        return self._disk(_any_seed(job), size_of)

    def _work_of(self, job: PlannedJob) -> tuple[Amount, ...]:
        # Commands of one package import the same modules, and start in the same time.
        package = job.step.module.split(".")[1]
        start = WorkUnit.of("start", f"start of jobs of drl.{package}", package=package)
        settings = job.step.settings_for(self.config, job.about)
        return (Amount(start, 1), *(more for more in job.step.work(self.config, settings, job.about) if more.count))

    def _disk_of(self, job: PlannedJob, size_of: SizeOf) -> Bytes:
        left, state = job.step.disk(self.config, job.step.settings_for(self.config, job.about), job.about, size_of)
        return Bytes(left + CARD + LOG, state)


def _any_seed(job: PlannedJob) -> PlannedJob:
    return job.step.at(**{name: 0 if name in ("seed", "split") else value for name, value in job.axes})
