"""Tables of items for pages: what each shows, needs, and cost at each scale (docs/results/costs.csv)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from drl.config.project import project
from drl.config.schema import SCALES, Config
from drl.files import atomic
from drl.jobs.durations import duration

if TYPE_CHECKING:
    from drl.costs.spent import Spent

FILE = project() / "docs" / "results" / "costs.csv"
HEAD = ("item", "scale", "cost")
NOT_RUN = "not run"


def known_costs(file: Path = FILE) -> dict[tuple[str, str], str]:
    """Return the recorded costs as text, by item and scale."""
    if not file.is_file():
        return {}
    with file.open(encoding="utf-8", newline="") as text:
        return {(row["item"], row["scale"]): row["cost"] for row in csv.DictReader(text)}


def markdown_table(config: Config, costs: Mapping[tuple[str, str], str]) -> str:
    """Return the table: item, what it shows, its command, what it needs, its cost at each scale."""
    lines = [
        f"| Paper item | Shows | Command | Needs at paper scale | {' | '.join(SCALES)} |",
        f"|{'---|' * (4 + len(SCALES))}",
    ]
    for name, item in config.items.items():
        words = [costs.get((name, scale), NOT_RUN) for scale in SCALES]
        where = f"{_title(name)} ({item.section})"
        lines.append(f"| {' | '.join([where, item.shows, f'`snakemake {name}`', item.needs, *words])} |")
    return "\n".join(lines)


def short_table(config: Config) -> str:
    """Return the README's table: each item's target, and what it shows."""
    rows = [f"|`{name}`|{item.shows}|" for name, item in config.items.items()]
    return "\n".join(["|`snakemake` …|shows|", "|---|---|", *rows])


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def record(spent: Spent, scale: str, file: Path = FILE) -> None:
    """Write the costs of a folder's items into the file, replacing their entries for this scale.

    Items with a job that is missing or has no readable cost keep their entries.
    """
    costs = known_costs(file)
    for item in spent.items:
        jobs, own = spent.of_item(item), spent.own(item)
        if jobs["made"].all() and not jobs["unknown"].any():
            alone = duration(own["seconds"].sum())
            costs[item, scale] = f"{duration(jobs['seconds'].sum())}, {alone} of it for this item alone"
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic(file) as temporary, temporary.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(HEAD)
        writer.writerows((*key, words) for key, words in costs.items())
