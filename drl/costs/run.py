"""`drl plan`, from a configuration and targets to what is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.config.schema import Config
from drl.costs.calibrate import rates_of, this_device
from drl.costs.disk import Disk, largest_states
from drl.costs.jobs import check_items, chosen_items
from drl.costs.operations import size_of
from drl.costs.plan import Plan, collect, job_threads, needed
from drl.costs.rates import Book, Device
from drl.costs.show import plan_parts, show
from drl.costs.work import HOST, NETWORK, Amounts
from drl.jobs.gpu_slots import visible_gpus


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
    items = chosen_items(targets)
    check_items(config, items)
    cores, settings = os.cpu_count() or 1, config.run.slice()
    threads = options.threads or job_threads(config.scale, cores)
    book, device = Book(), this_device(settings, threads)
    found = build(config, items, results, book, device, settings, options)
    at_once = max(1, len(visible_gpus()) * config.run.gpu_slots) if device.kind == "cuda" else max(1, cores // threads)
    states = largest_states(_disk(found.amounts, book), found.jobs, at_once)
    if options.as_json:
        print(json.dumps(plain(found, device, at_once, states, options.per_second), indent=2))
    else:
        show(plan_parts(found, device, cores, at_once, states, options.per_second))


def build(
    config: Config,
    items: tuple[str, ...],
    results: Path,
    book: Book,
    device: Device,
    settings: Mapping[str, Any],
    options: Options,
) -> Plan:
    """Return the plan of items, with rates that are looked up, measured, scaled or assumed."""
    amounts = Amounts(config)
    by_item, used_by = collect(amounts, items)
    counts = needed(amounts, by_item)
    rates = rates_of(
        counts,
        book,
        device,
        settings,
        measure=options.measure,
        afresh=options.afresh,
        minutes=options.minutes,
        per_second=options.per_second,
    )
    disk, jobs = _disk(amounts, book), {name: job for known in by_item.values() for name, job in known.items()}
    made = frozenset(name for name in jobs if (results / name).is_file())
    return Plan(amounts, items, by_item, used_by, rates, {name: disk.of(job) for name, job in jobs.items()}, made)


def plain(plan: Plan, device: Device, at_once: int, states: int, per_second: float | None) -> dict[str, Any]:
    """Return the plan as plain values."""
    total = plan.total()
    loads = [
        {
            "work": load.title,
            "unit": (NETWORK | HOST)[load.unit],
            "seconds_a_unit": None if plan.rates[load].how == "unknown" else plan.rates[load].seconds,
            "rate": plan.rates[load].how,
            "scaled_from": plan.rates[load].like or None,
            "hours": None if plan.rates[load].how == "unknown" else round(seconds / 3600, 4),
        }
        for load, seconds in plan.by_load().items()
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
        "files_needed": list(plan.needed_files()),
        "rates": loads,
    }


def _disk(amounts: Amounts, book: Book) -> Disk:
    def size(dataset: str, recipe: str) -> Any:
        channels, pixels, classes = amounts.facts(dataset)
        return size_of(amounts.recipe(dataset, recipe), (channels, pixels, classes), book)

    return Disk(amounts, size)
