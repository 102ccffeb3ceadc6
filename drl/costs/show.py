"""Plans and costs as tables that fit 120 columns, in a terminal and in a file."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from drl.costs.jobs import KINDS, shared
from drl.jobs.durations import duration

WIDTH = 120
SHARED_LINES = 14


def show(parts: Iterable[str | Table]) -> None:
    """Print lines and tables; if the output is not a terminal, without colour and 120 columns wide."""
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)
    for part in parts:
        console.print(part)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, last: Sequence[str] | None = None
) -> Table:
    """Return a plain table; the first `left` columns hold text, the others numbers."""
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


def time(seconds: float, unknown: float = 0) -> str:
    """Return seconds as text, such as `20 s` or `1 h 50 min`.

    Args:
        seconds: The known seconds.
        unknown: How many jobs have an unknown part; if any, `> 20 s`, or `?` if nothing is known.
    """
    if math.isnan(seconds) or (unknown and seconds < 1):
        return "?"
    return f"> {duration(seconds)}" if unknown else duration(seconds)


def plain_hours(seconds: float, unknown: float = 0) -> float | None:
    """Return seconds as hours for programs; None if nothing is known."""
    return None if math.isnan(seconds) or (unknown and not seconds) else round(float(seconds) / 3600, 4)


def size(count: float) -> str:
    """Return bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def in_words(items: Sequence[str]) -> str:
    """Return figure_4, figure_5 as Figures 4, 5."""
    words = []
    for kind in ("figure", "table"):
        numbers = [item.removeprefix(f"{kind}_") for item in items if item.startswith(f"{kind}_")]
        if numbers:
            words.append(f"{kind.capitalize()}{'s' * (len(numbers) > 1)} {', '.join(numbers)}")
    words += [item for item in items if not item.startswith(("figure_", "table_"))]
    return "; ".join(words)


def time_of(jobs: pd.DataFrame) -> str:
    """Return the time of jobs as text."""
    return time(jobs["seconds"].sum(), jobs["unknown"].sum())


def by_kind(jobs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the jobs of each kind, in the order in which they run."""
    return {kind: jobs[jobs["kind"] == kind] for kind in KINDS if kind in set(jobs["kind"])}


def kinds_in_words(jobs: pd.DataFrame) -> str:
    """Return `16 pretrain, 16 probe, 1 draw`."""
    return ", ".join(f"{len(rows)} {kind.replace('_', '-')}" for kind, rows in by_kind(jobs).items())


def shared_parts(jobs: pd.DataFrame) -> Iterator[str | Table]:
    """Yield a table of the jobs that several items need, without images, which all of them need."""
    groups = [(users, rows) for users, rows in shared(jobs) if set(rows["kind"]) != {"prepare"}]
    if not groups:
        return
    rows = [[kinds_in_words(rows), in_words(users), time_of(rows)] for users, rows in groups[:SHARED_LINES]]
    yield table(["shared jobs", "needed by", "time"], rows, left=2)
    rest = groups[SHARED_LINES:]
    if rest:
        yield f"and {len(rest)} more groups of shared jobs, {time_of(pd.concat([rows for _, rows in rest]))}"
