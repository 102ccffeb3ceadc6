"""From loads to rates: what the book has, what is measured now, and what is scaled by operations."""

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
from drl.costs.work import HOST, NETWORK, Load
from drl.jobs.device import place

BUSY = 0.5  # share of the cores that others may use before a measurement is not to be trusted


def this_device(run: Mapping[str, Any], threads: int) -> Device:
    """Return where jobs run, by the configuration's `run`."""
    about = place(run["device"], run["precision"], "off", threads).describe()
    version = str(torch.__version__)
    return Device(str(about["device_name"]), str(about["device"]), version, threads, run["precision"], run["compile"])


def rates_of(
    needed: Mapping[Load, float],
    book: Book,
    device: Device,
    run: Mapping[str, Any],
    *,
    measure: bool = True,
    afresh: bool = False,
    minutes: float = 3.0,
    per_second: float | None = None,
) -> dict[Load, Rate]:
    """Return the rate of each load.

    Args:
        needed: Loads, and how many units of each.
        book: Where rates are kept.
        device: Where jobs run.
        run: The configuration's `run`.
        measure: Whether what the book does not have is measured.
        afresh: Whether what it has is measured again.
        minutes: How long that may take, about; what is left then is scaled by operations.
        per_second: Operations a second of a device that is not at hand. Networks are then not measured at all; what the
            processor does is.
    """
    loads = list(needed) if per_second is None else [load for load in needed if load.unit in HOST]
    known = {} if afresh else known_rates(loads, book, device)
    if measure:
        wanted = sorted((load for load in loads if load not in known), key=lambda load: -_weight(load, needed[load]))
        known |= _measured(wanted, book, device, run, 60 * minutes)
    return {load: _rate(load, needed, known, book, per_second) for load in needed}


def _rate(
    load: Load, needed: Mapping[Load, float], known: Mapping[Load, float], book: Book, per_second: float | None
) -> Rate:
    if per_second is not None and load.unit in NETWORK:
        return assumed(load, operations_of([load], book), per_second)
    if load in known:
        return Rate(known[load], "measured")
    # Of the same unit where one was measured, so that few have to be counted.
    alike = [other for other in known if other.unit == load.unit] or [other for other in known if other.unit in NETWORK]
    if not alike or load.unit in HOST:
        return Rate(math.nan, "unknown")
    return by_operations(load, operations_of([load, *alike], book), {other: known[other] for other in alike})


def _measured(loads: list[Load], book: Book, device: Device, run: Mapping[str, Any], limit: float) -> dict[Load, float]:
    """Measure loads until the time is up, and note what was found where nobody else was at work."""
    if not loads:
        return {}
    kept = not busy()
    meter = meter_of(run, device.threads)
    started, found = time.monotonic(), dict[Load, float]()
    for number, load in enumerate(loads, 1):
        if time.monotonic() - started > limit and load.unit in NETWORK:
            continue
        _say(f"calibrating {number} of {len(loads)}: {load.title} …")
        found[load] = meter.seconds(load)
        if kept:
            book.put(found[load], device.key, load.unit, load.key)
    took = time.monotonic() - started
    left = len(loads) - len(found)
    more = f"; {left} are scaled by operations, the time was up" if left else ""
    _say(f"calibrated {len(found)} kinds of work in {took:.0f} s{more}\n")
    return found


def _weight(load: Load, count: float) -> float:
    """Return what is measured first: what there is most of, by pixels; quick things of the processor before all."""
    if load.unit in HOST:
        return math.inf
    size = load.spec["facts"][1] if "facts" in load.spec else 299 if load.unit == "inception" else 32
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
