"""`drl plan`, from a configuration and targets to what is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from drl.config.recipes import Recipe
from drl.config.schema import Config
from drl.costs.calibrate import rates_of, this_device
from drl.costs.jobs import Amounts, Division, check_items, chosen_items
from drl.costs.operations import size_of
from drl.costs.plan import Plan, job_threads, needed
from drl.costs.rates import Book, Device
from drl.costs.show import plan_parts, show, titles_of
from drl.jobs.gpu_slots import visible_gpus
from drl.pipeline.disk import Facts, Size
from drl.pipeline.work import HOST, NETWORK


@dataclass(frozen=True)
class Options:
    """What `drl plan` is told.

    Attributes:
        threads: Of a job; None: what its rule gives it.
        afresh: Measure known rates again.
        measure: Measure unknown rates.
        minutes: Of measuring, at most.
        per_second: Operations a second of a device that is assumed.
        as_json: Print JSON.
    """

    threads: int | None = None
    afresh: bool = False
    measure: bool = True
    minutes: float = 3.0
    per_second: float | None = None
    as_json: bool = False


def run(config: Config, targets: Sequence[str], results: Path, options: Options) -> None:
    """Print the plan of targets.

    Args:
        config: The configuration.
        targets: As drl.costs.jobs.chosen_items takes them.
        results: results/<scale>, where what is made lies.
        options: How.

    Raises:
        UserError: If a target is unknown, or rates cannot be kept.
    """
    items = chosen_items(config, targets)
    check_items(config, items)
    cores, settings = os.cpu_count() or 1, config.run.slice()
    threads = options.threads or job_threads(config.scale, cores)
    device = this_device(settings, threads)
    found, states = build(config, items, results, Book(), device, settings, options)
    at_once = max(1, len(visible_gpus()) * config.run.gpu_slots) if device.kind == "cuda" else max(1, cores // threads)
    peak = sum(sorted(states, reverse=True)[:at_once])
    if options.as_json:
        print(json.dumps(plain(found, device, at_once, peak, options.per_second), indent=2))
    else:
        show(plan_parts(found, device, cores, at_once, peak, options.per_second))


def build(
    config: Config,
    items: tuple[str, ...],
    results: Path,
    book: Book,
    device: Device,
    settings: Mapping[str, Any],
    options: Options,
) -> tuple[Plan, list[int]]:
    """Return the plan of items, and the bytes that each unfinished job keeps at most."""
    amounts, division = Amounts(config), Division.of(config, items)
    jobs = division.jobs
    rates = rates_of(
        needed(amounts, jobs),
        book,
        device,
        settings,
        measure=options.measure,
        afresh=options.afresh,
        minutes=options.minutes,
        per_second=options.per_second,
    )

    @cache
    def size(recipe: Recipe, facts: Facts) -> Size:
        return size_of(recipe, facts, book)

    disk = {job: amounts.disk(job, size) for job in jobs}
    files = (file for job in jobs for several in job.needs(config).values() for file in several)
    missing = tuple(sorted({file.path for file in files if file.job is None and not Path(file.path).is_file()}))
    made = frozenset(job for job in jobs if (results / job.output).is_file())
    plan = Plan(amounts, division, rates, {job: found.left for job, found in disk.items()}, made, missing)
    return plan, [found.state for found in disk.values()]


def plain(plan: Plan, device: Device, at_once: int, states: int, per_second: float | None) -> dict[str, Any]:
    """Return the plan as plain values."""
    total, by_unit = plan.total(), plan.by_unit()
    titles = titles_of(by_unit)
    units = [
        {
            "work": titles[unit],
            "unit": (NETWORK | HOST)[unit.kind],
            "seconds_a_unit": None if plan.rates[unit].how == "unknown" else plan.rates[unit].seconds,
            "rate": plan.rates[unit].how,
            "scaled_from": plan.rates[unit].like or None,
            "hours": None if plan.rates[unit].how == "unknown" else round(seconds / 3600, 4),
        }
        for unit, seconds in by_unit.items()
    ]
    return {
        "scale": plan.amounts.config.scale,
        "device": vars(device),
        "assumed_operations_per_second": per_second,
        "items": {item: plan.alone(item).plain() | {"own": plan.own(item).plain()} for item in plan.items},
        "kinds": {kind: found.plain() for kind, found in plan.by_kind().items()},
        "shared": [{"items": list(items), **found.plain()} for items, found in plan.shared().items()],
        "total": total.plain(),
        "jobs_at_once": at_once,
        "states_at_peak_bytes": states,
        "files_needed": list(plan.needed_files),
        "rates": units,
    }
