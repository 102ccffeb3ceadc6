"""`drl plan`: jobs, time and disk of items, each job counted once in the total."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from drl.config.schema import Config
from drl.costs.book import Book, Device
from drl.costs.jobs import Amounts, check_items, chosen_items, job_table, of_item, own, shared
from drl.costs.operations import size_of
from drl.costs.rates import Rate, rates_of
from drl.costs.show import (
    WIDTH,
    by_kind,
    kinds_in_words,
    plain_hours,
    shared_parts,
    show,
    size,
    table,
    time,
    time_of,
)
from drl.files import json_for_programs
from drl.jobs.gpu_slots import gpu_slot, visible_gpus
from drl.pipeline.step import PlannedJob
from drl.pipeline.units import HOST, NETWORK, WorkUnit

PAPER_THREADS = 4  # of a job at scale paper; jobs of other scales have one (workflow/rules)


@dataclass(frozen=True)
class Plan:
    """The expected costs of items.

    Attributes:
        scale: Scale of the configuration.
        items: The requested items.
        jobs: Rows of drl.costs.jobs.job_table; also whether the jobs are made, the known part of their seconds, whether
                a part is unknown, bytes on disk (`disk`), and bytes that they keep while they run (`state`).
        units: One row per unit of work, the longest first, then unknown ones: its title, the name of one unit, the
                fields of drl.costs.rates.Rate, and the seconds of all of them.
        device: The device that the times are for.
        at_once: Number of jobs that run side by side.
        needed_files: Missing model files that trainings start from and that no job makes.
        per_second: Assumed operations per second, or None.
    """

    scale: str
    items: tuple[str, ...]
    jobs: pd.DataFrame
    units: pd.DataFrame
    device: Device
    at_once: int
    needed_files: tuple[str, ...] = ()
    per_second: float | None = None

    @property
    def states(self) -> int:
        """Bytes of unfinished jobs at the peak."""
        return int(self.jobs["state"].nlargest(self.at_once).sum())

    def alone(self, item: str) -> pd.DataFrame:
        """Return all jobs that an item needs if it is made alone."""
        return of_item(self.jobs, item)

    def own(self, item: str) -> pd.DataFrame:
        """Return the jobs of an item that no other requested item needs."""
        return own(self.jobs, item, self.items)


def run(
    config: Config,
    targets: Sequence[str],
    results: Path,
    threads: int | None,
    as_json: bool,
    at_once: int | None = None,
    **measuring: Any,
) -> None:
    """Print the plan of targets.

    Args:
        config: The configuration.
        targets: As for drl.costs.jobs.chosen_items.
        results: The folder of results, results/<scale>.
        threads: CPU threads of a job; None: as many as its rule gives it.
        as_json: Whether to print JSON.
        at_once: Number of jobs that run side by side, as on a cluster; None: as many as this machine takes.
        measuring: Options of drl.costs.rates.rates_of.

    Raises:
        UserError: If a target is unknown, or rates cannot be kept.
    """
    items = chosen_items(config, targets)
    check_items(config, items)
    cores, settings, book = os.cpu_count() or 1, config.run.slice(), Book()
    threads = threads or job_threads(config.scale, cores)
    amounts, jobs = Amounts(config), job_table(config, items)
    # A measurement beside a job of the same GPU would be wrong, and would slow the job down.
    with gpu_slot(config.run.device if measuring.get("measure", True) else "cpu", config.run.gpu_slots):
        device = Device.here(settings, threads)
        rates = rates_of(needed(amounts, jobs["job"]), book, device, settings, **measuring)
    here = len(visible_gpus()) * config.run.gpu_slots if device.kind == "cuda" else cores // threads
    at_once = at_once or max(1, here)
    files = (file for job in jobs["job"] for several in job.needs(config).values() for file in several)
    missing = sorted({file.path for file in files if file.job is None and not Path(file.path).is_file()})
    plan = Plan(
        config.scale,
        items,
        planned(jobs, amounts, rates, book, results),
        unit_table(needed(amounts, jobs["job"]), rates),
        device,
        at_once,
        tuple(missing),
        measuring.get("per_second"),
    )
    if as_json:
        print(json_for_programs(plain(plan)))
    else:
        show(plan_parts(plan))


def planned(
    jobs: pd.DataFrame, amounts: Amounts, rates: Mapping[WorkUnit, Rate], book: Book, results: Path
) -> pd.DataFrame:
    """Return the jobs with their costs."""
    size = cache(lambda recipe, facts: size_of(recipe, facts, book))
    times = [[work.count * rates[work.unit].seconds for work in amounts.of(job)] for job in jobs["job"]]
    disk = [amounts.disk(job, size) for job in jobs["job"]]
    return jobs.assign(
        made=[(results / job.output).is_file() for job in jobs["job"]],
        seconds=[np.nansum(parts) for parts in times],
        unknown=[bool(np.isnan(parts).any()) for parts in times],
        disk=[found.left for found in disk],
        state=[found.state for found in disk],
    )


def needed(amounts: Amounts, jobs: Iterable[PlannedJob]) -> dict[WorkUnit, float]:
    """Return how many units of each kind of work the jobs need."""
    counts: dict[WorkUnit, float] = {}
    for job in jobs:
        for work in amounts.of(job):
            counts[work.unit] = counts.get(work.unit, 0.0) + work.count
    return counts


def unit_table(counts: Mapping[WorkUnit, float], rates: Mapping[WorkUnit, Rate]) -> pd.DataFrame:
    """Return one row per unit of work, for Plan.units."""
    rows = [
        {"work": unit.title, "name": unit.spec.get("name", ""), "unit": (NETWORK | HOST)[unit.kind]}
        | rates[unit]._asdict()
        | {"total": count * rates[unit].seconds}
        for unit, count in counts.items()
    ]
    found = pd.DataFrame(rows)
    # Networks with the same title may still differ.
    alike = found["work"].duplicated(keep=False) & (found["name"] != "")
    found["work"] = found["work"].where(~alike, found["work"] + " (as " + found["name"] + ")")
    return found.sort_values("total", ascending=False, kind="stable")


def job_threads(scale: str, cores: int) -> int:
    """Return the CPU threads of a job on a machine with this number of cores."""
    return min(cores, PAPER_THREADS if scale == "paper" else 1)


def plain(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values; hours are null where nothing is known."""
    return {
        "scale": plan.scale,
        "device": vars(plan.device),
        "assumed_operations_per_second": plan.per_second,
        "items": {item: _plain(plan.alone(item)) | {"own": _plain(plan.own(item))} for item in plan.items},
        "kinds": {kind: _plain(rows) for kind, rows in by_kind(plan.jobs).items()},
        "shared": [{"items": list(items), **_plain(rows)} for items, rows in shared(plan.jobs)],
        "total": _plain(plan.jobs),
        "jobs_at_once": plan.at_once,
        "states_at_peak_bytes": plan.states,
        "files_needed": list(plan.needed_files),
        "rates": [
            {
                "work": row["work"],
                "unit": row["unit"],
                "seconds_a_unit": None if row["how"] == "unknown" else row["seconds"],
                "rate": row["how"],
                "scaled_from": row["like"] if row["how"] == "scaled" else None,
                "hours": plain_hours(row["total"]),
            }
            for row in plan.units.to_dict("records")
        ],
    }


def _plain(jobs: pd.DataFrame) -> dict[str, Any]:
    left = jobs[~jobs["made"]]
    return {
        "jobs": {kind: len(rows) for kind, rows in by_kind(jobs).items()},
        "made": int(jobs["made"].sum()),
        "hours": plain_hours(jobs["seconds"].sum(), jobs["unknown"].sum()),
        "hours_left": plain_hours(left["seconds"].sum(), left["unknown"].sum()),
        "disk_bytes": int(jobs["disk"].sum()),
        "jobs_of_unknown_time": int(jobs["unknown"].sum()),
    }


def plan_parts(plan: Plan) -> Iterator[str | Table]:
    """Yield the parts that `drl plan` prints."""
    jobs = plan.jobs
    yield f"{plan.scale}: {', '.join(plan.items) if len(plan.items) < 4 else f'{len(plan.items)} items'}"
    yield textwrap.fill(_where(plan), WIDTH)
    for name in plan.needed_files:
        yield f"needs {name}, which is missing and which no job makes (use drl convert on a published checkpoint)"
    if jobs["unknown"].any():
        yield (
            "Some rates are not known (last table): > marks a sum without them, ? an unknown value; measure them with "
            "drl plan --calibrate"
        )
    rows = [
        [name, kinds_in_words(part), _made(part), time_of(part), alone, *_left(part)]
        for name, part, alone in [
            *((item, plan.alone(item), time_of(plan.own(item))) for item in plan.items),
            ("total", jobs, ""),
        ]
    ]
    head = ["item", f"jobs ({len(jobs)} in all)", "made", "time", "own", "to do", "disk"]
    yield table(head, rows[:-1], left=2, last=rows[-1])
    several = [len({*plan.items}.intersection(users)) > 1 for users in jobs["users"]]
    yield textwrap.fill(
        "time: of all jobs that the item needs; own: of jobs that no other of these items needs; to do: of jobs "
        "that are not made (a file that exists counts as made). The total counts each job once: "
        f"{time_of(jobs[~np.array(several)])} own and {time_of(jobs[several])} that several of them share.",
        WIDTH,
    )
    rows = [
        [kind.replace("_", "-"), str(len(part)), _made(part), time_of(part), *_left(part)]
        for kind, part in {**by_kind(jobs), "total": jobs}.items()
    ]
    yield table(["jobs", "number", "made", "time", "to do", "disk"], rows[:-1], last=rows[-1])
    yield from shared_parts(jobs)
    rows = [
        [row["work"], speed(row["seconds"], row["unit"]), row["how"], time(row["total"])]
        for row in plan.units.to_dict("records")
    ]
    yield table(["work", "rate", "", "time"], rows)
    yield textwrap.fill(_summary(plan), WIDTH)


def _made(jobs: pd.DataFrame) -> str:
    return str(jobs["made"].sum())


def _left(jobs: pd.DataFrame) -> list[str]:
    """Return the time to do, and disk."""
    return [time_of(jobs[~jobs["made"]]), size(jobs["disk"].sum())]


def _where(plan: Plan) -> str:
    device, at_once = plan.device, plan.at_once
    if plan.per_second is not None:
        return (
            f"ASSUMED: a device with {plan.per_second:.3g} floating-point operations per second in every network (two "
            "per multiply-add); it was not measured. Work of the processor is as measured on this machine."
        )
    threads = f"{device.threads} CPU thread{'s' * (device.threads > 1)}"
    unit = "Times on a GPU" if device.kind == "cuda" else f"Times of a job on {threads}"
    here = f"this machine has {os.cpu_count()} cores" if device.kind == "cpu" else "one job a GPU"
    side = f"{at_once} job{'s side by side' * (at_once > 1)}; {here}"
    return f"{unit}: {device.name}, torch {device.torch}, precision {device.precision}; {side}."


def _summary(plan: Plan) -> str:
    what = " on a GPU" if plan.device.kind == "cuda" else ""
    what = f" (assumed {plan.per_second:.3g} operations/s)" if plan.per_second else what
    jobs, left = plan.jobs, plan.jobs[~plan.jobs["made"]]
    # However many run side by side, the longest job takes its time.
    least = max(left["seconds"].sum() / plan.at_once, left["seconds"].max() if len(left) else 0.0)
    together = time(least, left["unknown"].sum())
    side = f", about {together} with {plan.at_once} jobs side by side" if plan.at_once > 1 and together != "?" else ""
    return (
        f"Total: {len(jobs)} jobs, {_made(jobs)} of them made; {time_of(jobs)}{what}, {time_of(left)} to do{side}; "
        f"{size(jobs['disk'].sum())} of results, and at most {size(plan.states)} of states while jobs run."
    )


def speed(seconds: float, unit: str) -> str:
    """Return `90.9 images/s`, or `5.2 s an update` if one unit takes longer than a second."""
    if math.isnan(seconds):
        return "?"
    if seconds >= 1:
        return f"{seconds:.1f} s {'an' if unit[0] in 'aeiou' else 'a'} {unit}"
    rate = 1 / seconds
    return f"{rate:,.0f} {unit}s/s" if rate >= 1000 else f"{rate:.1f} {unit}s/s"
