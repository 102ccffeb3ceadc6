"""The cost of a unit of each kind of work: stored in the book, measured now, or scaled by operations."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

from drl.costs.book import Book, Device
from drl.costs.operations import operations_of
from drl.pipeline.units import HOST, NETWORK, WorkUnit

BUSY = 0.5  # share of the cores; if others use more, measurements are not trusted


class Rate(NamedTuple):
    """The cost of one unit of work.

    Attributes:
        seconds: Seconds of one unit on the device; nan if unknown.
        how: `measured` on this device; `scaled` from measured work, by operations; `assumed` operations per second;
            `unknown`.
        like: Title of the work from which it was scaled.
    """

    seconds: float = math.nan
    how: Literal["measured", "scaled", "assumed", "unknown"] = "unknown"
    like: str | None = None


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
        book: The book that stores rates.
        device: The device on which jobs run.
        run: The configuration's `run`.
        measure: Whether to measure rates that the book does not have.
        afresh: Whether to measure again the rates that it has.
        minutes: The approximate time limit for measuring; the remaining rates are scaled by operations.
        per_second: Operations per second of a device that is not available. Networks are then not measured; work of the
            processor is.
    """
    units = [unit for unit in needed if per_second is None or unit.kind in HOST]
    found = {unit: None if afresh else book.get(device.key, unit.kind, unit.key) for unit in units}
    known = {unit: seconds for unit, seconds in found.items() if seconds is not None}
    if measure:
        wanted = sorted((unit for unit in units if unit not in known), key=lambda unit: -_weight(unit, needed[unit]))
        known |= _measured(wanted, book, device, run, 60 * minutes)
    return {
        unit: Rate(known[unit], "measured") if unit in known else by_operations(unit, known, book, per_second)
        for unit in needed
    }


def by_operations(
    unit: WorkUnit, measured: Mapping[WorkUnit, float], book: Book, per_second: float | None = None
) -> Rate:
    """Return the rate of a unit that was not measured; unknown if no unit with operations was measured.

    Args:
        unit: The unit that was not measured.
        measured: Seconds of measured units. The one with the nearest operations, if possible of the same kind, is
            scaled.
        book: The book that stores operations.
        per_second: Operations per second for every network, instead of measured rates.
    """
    networks = [other for other in measured if other.kind in NETWORK]
    alike = [other for other in networks if other.kind == unit.kind] or networks
    if unit.kind not in NETWORK or not (alike or per_second):
        return Rate()
    own = operations_of(unit, book)
    if per_second:
        return Rate(own / per_second, "assumed")
    operations = {other: operations_of(other, book) for other in alike}
    nearest = min(alike, key=lambda other: abs(math.log(operations[other] / own)))
    return Rate(measured[nearest] * own / operations[nearest], "scaled", nearest.title)


def _measured(
    units: list[WorkUnit], book: Book, device: Device, run: Mapping[str, Any], limit: float
) -> dict[WorkUnit, float]:
    """Measure units until the time is up; store the rates if no other process was busy."""
    if not units:
        return {}
    kept = not _busy()
    meter = meter_of(run, device.threads)
    started, found = time.monotonic(), dict[WorkUnit, float]()
    for number, unit in enumerate(units, 1):
        if time.monotonic() - started > limit and unit.kind in NETWORK:
            continue
        _say(f"calibrating {number} of {len(units)}: {unit.title} …")
        found[unit] = meter.seconds(unit)
        if kept:
            book.put(found[unit], device.key, unit.kind, unit.key)
    left = len(units) - len(found)
    more = f"; {left} are scaled by operations because the time was up" if left else ""
    _say(f"calibrated {len(found)} kinds of work in {time.monotonic() - started:.0f} s{more}\n")
    return found


def _weight(unit: WorkUnit, count: float) -> float:
    """Return a unit's priority: units with the most pixels are measured first, after quick work of the processor."""
    if unit.kind in HOST:
        return math.inf
    size = unit.spec["facts"][1] if "facts" in unit.spec else 299 if unit.kind == "inception" else 32
    return float(count * size**2)


def meter_of(run: Mapping[str, Any], threads: int) -> Any:
    """Return a Meter. It imports the modules of jobs, which takes seconds, so it is imported only here."""
    from drl.costs.measure import Meter

    return Meter(run["device"], run["precision"], run["compile"], threads)


def _busy() -> bool:
    """Whether other processes use this machine's cores; if they do, print a warning."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if load > BUSY * cores:
        _say(
            f"drl plan: other programs use this machine (load {load:.1f} on {cores} cores), so the times below may be "
            "too long, even many times; they are not kept, and `drl plan` on the idle machine measures again\n"
        )
    return load > BUSY * cores


def _say(line: str) -> None:
    """Write a line to stderr; in a terminal it replaces a previous line without a line feed."""
    write = partial(print, file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        write(f"\r\033[K{line}", end="")
    else:
        write(line.rstrip())
