"""What a unit of each kind of work costs: as the book has it, as measured now, or scaled by operations."""

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

BUSY = 0.5  # share of the cores that others may use before a measurement is not to be trusted


class Rate(NamedTuple):
    """What one unit of work costs.

    Attributes:
        seconds: Of one unit on the device; nan where nothing is known.
        how: `measured` on this device; `scaled` from what was measured, by operations; `assumed` operations a second;
            `unknown`.
        like: Title of the work that it was scaled from.
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
        book: Where rates are kept.
        device: Where jobs run.
        run: The configuration's `run`.
        measure: Whether what the book does not have is measured.
        afresh: Whether what it has is measured again.
        minutes: How long that may take, about; what is left then is scaled by operations.
        per_second: Operations a second of a device that is not at hand. Networks are then not measured at all; what the
            processor does is.
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
    """Work out the rate of what was not measured; unknown where nothing that has operations was measured.

    Args:
        unit: What was not measured.
        measured: Seconds of one unit; the one whose operations are nearest is scaled, of the same kind if there is one.
        book: Where operations are kept.
        per_second: Operations a second, in place of what was measured, whatever the network.
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
    """Measure units until the time is up, and note what was found where nobody else was at work."""
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
    more = f"; {left} are scaled by operations, the time was up" if left else ""
    _say(f"calibrated {len(found)} kinds of work in {time.monotonic() - started:.0f} s{more}\n")
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


def _busy() -> bool:
    """Whether others use this machine's cores, and say so if they do."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    if load > BUSY * cores:
        _say(
            f"drl plan: the machine is busy (load {load:.1f} on {cores} cores): rates may be many times too low and "
            "are not kept; run again when it is idle\n"
        )
    return load > BUSY * cores


def _say(line: str) -> None:
    """Write a line to stderr; in a terminal it replaces a line before that had no line feed."""
    write = partial(print, file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        write(f"\r\033[K{line}", end="")
    else:
        write(line.rstrip())
