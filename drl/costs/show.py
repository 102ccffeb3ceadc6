"""Plans and costs as tables that fit 120 columns, in a terminal and in a file."""

from __future__ import annotations

import math
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from drl.costs.plan import JobSum, Plan
from drl.costs.rates import Device
from drl.pipeline.work import HOST, NETWORK, WorkUnit

WIDTH = 120
SHARED_LINES = 14
LEAST = 0.0005  # hours that are shown as a number


def show(parts: Iterable[str | Table]) -> None:
    """Print lines and tables; where it is no terminal without colour, 120 columns wide."""
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)
    for part in parts:
        console.print(part)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, last: Sequence[str] | None = None
) -> Table:
    """Return a plain table; the first `left` columns are words, the others numbers."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_footer=False)
    for number, name in enumerate(head):
        words = number < left
        found.add_column(name, justify="left" if words else "right", no_wrap=number != left - 1 or left == 1)
    for row in rows:
        found.add_row(*row)
    if last is not None:
        found.add_section()
        found.add_row(*last)
    return found


def plan_parts(plan: Plan, device: Device, cores: int, at_once: int, states: int, assumption: float | None) -> Any:
    """Yield all that `drl plan` prints.

    Args:
        plan: The plan.
        device: Where its hours are of.
        cores: Of this machine.
        at_once: Jobs side by side.
        states: Bytes of unfinished jobs at the peak.
        assumption: Operations a second that were assumed, or None.
    """
    total = plan.total()
    yield (
        f"{plan.amounts.config.scale}: {', '.join(plan.items)}"
        if len(plan.items) < 4
        else (f"{plan.amounts.config.scale}: {len(plan.items)} items")
    )
    yield "\n".join(textwrap.wrap(_where(device, cores, at_once, assumption), WIDTH))
    yield from _warnings(plan)
    yield _items(plan, total)
    yield "\n".join(textwrap.wrap(_explained(plan, total), WIDTH))
    yield _kinds(plan, total)
    yield from _shared(plan)
    yield _units(plan)
    yield "\n".join(textwrap.wrap(_summary(plan, total, device, at_once, states, assumption), WIDTH))


def hours(seconds: float, unknown: float = 0) -> str:
    """Return seconds as hours, in three digits or so: 0.012, 1.24, 37.1, 23,700.

    Args:
        seconds: What is known.
        unknown: How many jobs have a part that is not known: `> 1.24`, or `?` where nothing is known.
    """
    value = seconds / 3600
    if math.isnan(value) or (unknown and value < LEAST):
        return "?"
    if value < LEAST:
        return "<0.001" if value else "0"
    shown = f"{float(f'{value:.3g}'):,.0f}"
    if value < 1000:
        shown = f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
    return f"> {shown}" if unknown else shown


def size(count: float) -> str:
    """Return bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def _where(device: Device, cores: int, at_once: int, assumption: float | None) -> str:
    if assumption is not None:
        return (
            f"ASSUMED: a device that makes {assumption:.3g} floating-point operations a second in every network (two a "
            "multiply-add); nothing of it was measured. What the processor does is as measured here."
        )
    threads = f"{device.threads} CPU thread{'s' * (device.threads > 1)}"
    unit = "GPU-hours" if device.kind == "cuda" else f"Hours of a job on {threads}"
    jobs = f"{at_once} job{'s side by side' * (at_once > 1)}"
    side = f"{jobs} on {cores} cores" if device.kind == "cpu" else "one job a GPU"
    return f"{unit}: {device.name}, torch {device.torch}, precision {device.precision}; {side}."


def _warnings(plan: Plan) -> Iterable[str]:
    for name in plan.needed_files:
        yield f"needs {name}, which is not there and which no job makes (drl convert, of a published checkpoint)"
    if plan.total().unknown:
        yield (
            "Some rates are not known (last table): > is a sum without them, ? is not known at all; measure them with "
            "drl plan --calibrate"
        )


def _numbers(found: JobSum) -> list[str]:
    """Return hours, hours to do, disk."""
    return [hours(found.seconds, found.unknown), hours(found.left, found.unknown_left), size(found.disk)]


def _items(plan: Plan, total: JobSum) -> Table:
    rows = []
    for item in plan.items:
        alone, own = plan.alone(item), plan.own(item)
        time, *more = _numbers(alone)
        rows.append([item, alone.words(), str(alone.made), time, hours(own.seconds, own.unknown), *more])
    time, *more = _numbers(total)
    head = ["item", f"jobs ({total.count} in all)", "made", "hours", "own", "to do", "disk"]
    return table(head, rows, left=2, last=["total", total.words(), str(total.made), time, "", *more])


def _explained(plan: Plan, total: JobSum) -> str:
    own = [plan.own(item) for item in plan.items]
    seconds, unknown = sum(found.seconds for found in own), sum(found.unknown for found in own)
    shared = hours(
        max(0.0, total.seconds - seconds) if total.count > sum(found.count for found in own) else 0.0,
        total.unknown - unknown,
    )
    return (
        "hours: of the item made alone, all that it needs; own: of what no other of these items needs; to do: of "
        "what is not made (a file that is there counts as made). The total counts each job once: "
        f"{hours(seconds, unknown)} h own and {shared} h that several of them share."
    )


def _kinds(plan: Plan, total: JobSum) -> Table:
    sums = {**plan.by_kind(), "total": total}
    rows = [
        [kind.replace("_", "-"), str(found.count), str(found.made), *_numbers(found)] for kind, found in sums.items()
    ]
    return table(["jobs", "number", "made", "hours", "to do", "disk"], rows[:-1], last=rows[-1])


def _shared(plan: Plan) -> Iterable[str | Table]:
    groups = [(items, found) for items, found in plan.shared().items() if found.jobs["prepare"] != found.count]
    if not groups:
        return
    rows = [
        [found.words(), in_words(items), hours(found.seconds, found.unknown)] for items, found in groups[:SHARED_LINES]
    ]
    yield table(["shared jobs", "needed by", "hours"], rows, left=2)
    if len(groups) > SHARED_LINES:
        rest = [found for _, found in groups[SHARED_LINES:]]
        sums = hours(sum(found.seconds for found in rest), sum(found.unknown for found in rest))
        yield f"and {len(rest)} more groups of shared jobs, {sums} h"


def in_words(items: Sequence[str]) -> str:
    """Return figure_4, figure_5 as Figures 4, 5."""
    words = []
    for kind in ("figure", "table"):
        numbers = [item.removeprefix(f"{kind}_") for item in items if item.startswith(f"{kind}_")]
        if numbers:
            words.append(f"{kind.capitalize()}{'s' * (len(numbers) > 1)} {', '.join(numbers)}")
    words += [item for item in items if not item.startswith(("figure_", "table_"))]
    return "; ".join(words)


def _units(plan: Plan) -> Table:
    rows, units = [], plan.by_unit()
    titles = titles_of(units)
    for unit, seconds in units.items():
        rate = plan.rates[unit]
        rows.append([titles[unit], speed(rate.seconds, (NETWORK | HOST)[unit.kind]), rate.how, hours(seconds)])
    return table(["work", "rate", "", "hours"], rows)


def titles_of(units: Iterable[WorkUnit]) -> dict[WorkUnit, str]:
    """Return titles, with a recipe behind those of several units: networks may differ in more than their words say."""
    known = list(units)
    often = Counter(unit.title for unit in known)
    return {unit: f"{unit.title} (as {unit.spec['name']})" if often[unit.title] > 1 else unit.title for unit in known}


def speed(seconds: float, unit: str) -> str:
    """Return `90.9 images/s`, or `5.2 s an update` where one takes longer than a second."""
    if math.isnan(seconds):
        return "?"
    if seconds >= 1:
        return f"{seconds:.1f} s {'an' if unit[0] in 'aeiou' else 'a'} {unit}"
    rate = 1 / seconds
    return f"{rate:,.0f} {unit}s/s" if rate >= 1000 else f"{rate:.1f} {unit}s/s"


def _summary(plan: Plan, total: JobSum, device: Device, at_once: int, states: int, assumption: float | None) -> str:
    what = "GPU-hours" if device.kind == "cuda" else "hours"
    what = f"hours (assumed {assumption:.3g} operations/s)" if assumption else what
    time, left, disk = _numbers(total)
    together = hours(total.left / at_once, total.unknown_left)
    side = f", about {together} h with {at_once} jobs side by side" if at_once > 1 and together != "?" else ""
    return (
        f"Total: {total.count} jobs, {total.made} of them made; {time} {what}, {left} to do{side}; {disk} of results, "
        f"and at most {size(states)} of states while jobs run."
    )
