"""From units to rates: what the book has, what is measured now, and what is scaled by operations."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch

from drl.costs.operations import operations_of
from drl.costs.rates import Book, Device, Rate, assumed, by_operations, known_rates
from drl.jobs.device import place
from drl.pipeline.work import HOST, NETWORK, WorkUnit

BUSY = 0.5  # share of the cores that others may use before a measurement is not to be trusted


def this_device(run: Mapping[str, Any], threads: int) -> Device:
    """Return where jobs run, by the configuration's `run`."""
    about = place(run["device"], run["precision"], "off", threads).describe()
    version = str(torch.__version__)
    return Device(str(about["device_name"]), str(about["device"]), version, threads, run["precision"], run["compile"])


def rates_of(
    needed: Mapping[WorkUnit, float],
    book: Book,
    device: Device,
    run: Mapping[str, Any],
    *,
    measure: bool = True,
    afresh: bool = False,
    minutes: float = 3.0,
    per_second: float | None = None,
) -> dict[WorkUnit, Rate]:
    """Return the rate of each unit.

    Args:
        needed: Units of work, and how many units of each.
        book: Where rates are kept.
        device: Where jobs run.
        run: The configuration's `run`.
        measure: Whether what the book does not have is measured.
        afresh: Whether what it has is measured again.
        minutes: How long that may take, about; what is left then is scaled by operations.
        per_second: Operations a second of a device that is not at hand. Networks are then not measured at all; what the
            processor does is.
    """
    units = list(needed) if per_second is None else [unit for unit in needed if unit.kind in HOST]
    known = {} if afresh else known_rates(units, book, device)
    if measure:
        wanted = sorted((unit for unit in units if unit not in known), key=lambda unit: -_weight(unit, needed[unit]))
        known |= _measured(wanted, book, device, run, 60 * minutes)
    return {unit: _rate(unit, needed, known, book, per_second) for unit in needed}


def _rate(
    unit: WorkUnit,
    needed: Mapping[WorkUnit, float],
    known: Mapping[WorkUnit, float],
    book: Book,
    per_second: float | None,
) -> Rate:
    if per_second is not None and unit.kind in NETWORK:
        return assumed(unit, operations_of([unit], book), per_second)
    if unit in known:
        return Rate(known[unit], "measured")
    # Of the same unit where one was measured, so that few have to be counted.
    alike = [other for other in known if other.kind == unit.kind] or [other for other in known if other.kind in NETWORK]
    if not alike or unit.kind in HOST:
        return Rate(math.nan, "unknown")
    return by_operations(unit, operations_of([unit, *alike], book), {other: known[other] for other in alike})


def _measured(
    units: list[WorkUnit], book: Book, device: Device, run: Mapping[str, Any], limit: float
) -> dict[WorkUnit, float]:
    """Measure units until the time is up, and note what was found where nobody else was at work."""
    if not units:
        return {}
    kept = not busy()
    meter = meter_of(run, device.threads)
    started, found = time.monotonic(), dict[WorkUnit, float]()
    for number, unit in enumerate(units, 1):
        if time.monotonic() - started > limit and unit.kind in NETWORK:
            continue
        _say(f"calibrating {number} of {len(units)}: {unit.title} …")
        found[unit] = meter.seconds(unit)
        if kept:
            book.put(found[unit], device.key, unit.kind, unit.key)
    took = time.monotonic() - started
    left = len(units) - len(found)
    more = f"; {left} are scaled by operations, the time was up" if left else ""
    _say(f"calibrated {len(found)} kinds of work in {took:.0f} s{more}\n")
    return found


def _weight(unit: WorkUnit, count: float) -> float:
    """Return what is measured first: what there is most of, by pixels; quick things of the processor before all."""
    if unit.kind in HOST:
        return math.inf
    size = unit.spec["facts"][1] if "facts" in unit.spec else 299 if unit.kind == "inception" else 32
    return float(count * size**2)


def meter_of(run: Mapping[str, Any], threads: int) -> Any:
    """Return what measures; only here is imported what jobs import, which takes seconds."""
    from drl.costs.measure import Meter

    return Meter(run["device"], run["precision"], run["compile"], threads)


def busy() -> bool:
    """Whether others use this machine's cores, and say so if they do."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if load <= BUSY * cores:
        return False
    print(
        f"drl plan: the machine is busy (load {load:.1f} on {cores} cores): rates may be many times too low and are "
        "not kept; run again when it is idle",
        file=sys.stderr,
        flush=True,
    )
    return True


def _say(line: str) -> None:
    end = "" if sys.stderr.isatty() and not line.endswith("\n") else "\n"
    start = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{start}{line.rstrip()}", end=end, file=sys.stderr, flush=True)
