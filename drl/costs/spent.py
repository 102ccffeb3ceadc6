"""What items really cost, from run cards and Snakemake's benchmark files."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drl.config.schema import Config
from drl.costs.jobs import DRAW, KINDS, Division, kind_of
from drl.costs.show import SHARED_LINES, hours, in_words, size, table
from drl.errors import UserError
from drl.files import atomic
from drl.pipeline.step import PlannedJob

NAMED = 12  # missing jobs that are named; costs.csv counts them all


@dataclass(frozen=True)
class JobCost:
    """What one job cost.

    Attributes:
        seconds: From start to end; of all its processes where it was interrupted.
        cpu_seconds: Of the processor, in its last process; None where no benchmark file says.
        memory: Most bytes of its process.
        gpu_memory: Most bytes on the GPU; 0 where it used none.
        on_gpu: Whether it computed on one.
        disk: Bytes of its results, card, log and benchmark file.
    """

    seconds: float = 0.0
    cpu_seconds: float | None = None
    memory: int = 0
    gpu_memory: int = 0
    on_gpu: bool = False
    disk: int = 0


@dataclass
class CostSum:
    """What some jobs cost together; memory is the largest of theirs.

    Attributes:
        jobs: Made ones, by kind.
        missing: Outputs that are not there.
        uncounted: Outputs that are there without a readable card or benchmark file.
        cpu_unknown: Made jobs whose seconds of the processor are not known.
    """

    jobs: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    uncounted: list[str] = field(default_factory=list)
    cpu_unknown: int = 0
    seconds: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory: int = 0
    gpu_memory: int = 0
    disk: int = 0

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "jobs": self.jobs.total(),
            "missing": len(self.missing),
            "hours": round(self.seconds / 3600, 4),
            "gpu_hours": round(self.gpu_seconds / 3600, 4),
            "cpu_hours": None if self.cpu_unknown and not self.cpu_seconds else round(self.cpu_seconds / 3600, 4),
            "jobs_of_unknown_cpu_time": self.cpu_unknown,
            "peak_memory_bytes": self.memory,
            "peak_gpu_memory_bytes": self.gpu_memory,
            "disk_bytes": self.disk,
        }


@dataclass(frozen=True)
class Spent:
    """What a folder of results cost.

    Attributes:
        folder: results/<scale>.
        division: Jobs of each item of which anything is made.
        untouched: Items of which nothing is made but what others need.
        costs: Of made jobs; None where neither card nor benchmark file can be read.
    """

    folder: Path
    division: Division
    untouched: tuple[str, ...]
    costs: Mapping[PlannedJob, JobCost | None]

    @classmethod
    def read(cls, folder: Path, config: Config) -> Spent:
        """Read a folder of results.

        Raises:
            UserError: If nothing of the configuration's items is there.
        """
        every = Division.of(config, config.items)
        costs = {job: job_cost(folder, job) for job in every.jobs if (folder / job.output).is_file()}
        if not costs:
            raise UserError(
                f"costs: {folder} holds no results of scale {config.scale}; make some, or name their folder"
            )
        # Drawn, or something was measured for it.
        begun = {
            item: jobs
            for item, jobs in every.by_item.items()
            if any(job in costs and kind_of(job) not in ("prepare", "pretrain") for job in jobs)
        }
        untouched = tuple(item for item in every.by_item if item not in begun)
        return cls(folder, Division(begun, every.used_by), untouched, costs)

    def total(self, jobs: Iterable[PlannedJob] | None = None) -> CostSum:
        """Add jobs up, each once; by default all."""
        found = CostSum()
        for job in self.division.jobs if jobs is None else jobs:
            if job not in self.costs:
                found.missing.append(job.output)
                continue
            found.jobs[kind_of(job)] += 1
            cost = self.costs[job]
            found.cpu_unknown += cost is None or cost.cpu_seconds is None
            if cost is None:
                found.uncounted.append(job.output)
                continue
            found.seconds += cost.seconds
            found.gpu_seconds += cost.seconds * cost.on_gpu
            found.cpu_seconds += cost.cpu_seconds or 0.0
            found.memory, found.gpu_memory = max(found.memory, cost.memory), max(found.gpu_memory, cost.gpu_memory)
            found.disk += cost.disk
        return found

    def of_item(self, item: str) -> CostSum:
        """Return what all that an item needs cost."""
        return self.total(self.division.by_item[item])

    def own(self, item: str) -> CostSum:
        """Return what of an item no other item needs."""
        return self.total(job for job in self.division.by_item[item] if self.division.used_by[job] == (item,))

    def shared(self) -> dict[tuple[str, ...], CostSum]:
        """Return what several items need, by these items, the longest first."""
        groups = {items: [job for job in jobs if job in self.costs] for items, jobs in self.division.shared().items()}
        sums = {items: self.total(jobs) for items, jobs in groups.items() if jobs}
        return dict(sorted(sums.items(), key=lambda pair: -pair[1].seconds))

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        total = self.total()
        return {
            "folder": str(self.folder),
            "items": {
                item: self.of_item(item).plain() | {"own_hours": round(self.own(item).seconds / 3600, 4)}
                for item in self.division.by_item
            },
            "untouched": list(self.untouched),
            "shared": [{"items": list(items), **found.plain()} for items, found in self.shared().items()],
            "total": total.plain(),
            "missing": total.missing,
            "without_card_or_benchmark": total.uncounted,
        }


def job_cost(folder: Path, job: PlannedJob) -> JobCost | None:
    """Read what a job cost; None if neither its card nor its benchmark file says.

    Args:
        folder: results/<scale>.
        job: The job, made.
    """
    card, benchmark = _card(folder / f"{job.output}.json"), _benchmark(benchmark_file(folder, job))
    if not card and not benchmark:
        return None
    on_gpu = card.get("device") == "cuda"
    of_card = card.get("seconds", card.get("seconds_of_last_process", 0.0))
    memory, gpu_memory = card.get("peak_memory_bytes", 0), card.get("peak_gpu_memory_bytes")
    if on_gpu and gpu_memory is None:
        # Cards used to say one or the other.
        memory, gpu_memory = 0, memory
    return JobCost(
        # The benchmark file knows what starting took, the card what processes before an interruption did.
        seconds=max(of_card, benchmark.get("s", 0.0)),
        cpu_seconds=benchmark.get("cpu_time"),
        memory=int(max(memory, 2**20 * benchmark.get("max_rss", 0.0))),
        gpu_memory=int(gpu_memory or 0),
        on_gpu=on_gpu,
        disk=sum(path.stat().st_size for path in _files(folder, job, card) if path.is_file()),
    )


def benchmark_file(folder: Path, job: PlannedJob) -> Path:
    """Return where Snakemake writes what a job took."""
    # Whatever draws an item, its rule is called after it.
    item = job.about.get("item")
    name = job.step.log_name.format(**job.about) if item is None else f"{DRAW}/{item}"
    return folder / "benchmarks" / f"{name}.tsv"


def _files(folder: Path, job: PlannedJob, card: Mapping[str, Any]) -> Iterator[Path]:
    output, benchmark = folder / job.output, benchmark_file(folder, job)
    yield from {output, *(output.parent / name for name in card.get("outputs", {}))}
    yield from (Path(f"{output}.json"), benchmark)
    yield folder / "logs" / benchmark.relative_to(folder / "benchmarks").with_suffix(".log")


def _card(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _benchmark(path: Path) -> dict[str, float]:
    """Return the numbers of a benchmark file; what is not a number in it (a very short job) is left out."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"), {})
    except (OSError, UnicodeDecodeError, csv.Error):
        return {}
    return dict(_numbers(row))


def _numbers(row: Mapping[str, str | None]) -> Iterator[tuple[str, float]]:
    for name, text in row.items():
        try:
            value = float(text or "")
        except ValueError:
            continue
        if math.isfinite(value):
            yield name, value


def write_csv(spent: Spent) -> Path:
    """Write costs.csv into the folder: a row an item, and the total, in which each job counts once."""
    path = spent.folder / "costs.csv"
    rows = [{"item": item, **values} for item, values in spent.plain()["items"].items()]
    rows.append({"item": "total", **spent.total().plain(), "own_hours": ""})
    with atomic(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def spent_parts(spent: Spent) -> Iterator[Any]:
    """Yield all that `drl costs` prints."""
    total = spent.total()
    head = ["item", "jobs", "missing", "hours", "own", "CPU-hours", "memory", "GPU-hours", "GPU memory", "disk"]
    rows = [
        _row(item, spent.of_item(item), hours(spent.own(item).seconds, len(spent.own(item).uncounted)))
        for item in spent.division.by_item
    ]
    yield table(head, rows, last=_row("total", total, ""))
    yield (
        "hours: of all that the item needs, all processes of a job together; own: of what no other item needs.\n"
        "The total counts each job once. Memory: the largest of any one process, and of any on a GPU."
    )
    groups = [pair for pair in spent.shared().items() if pair[1].jobs["prepare"] != pair[1].jobs.total()]
    if groups:
        rows = [
            [_kinds(found), in_words(items), hours(found.seconds, len(found.uncounted))]
            for items, found in groups[:SHARED_LINES]
        ]
        yield table(["shared jobs", "needed by", "hours"], rows, left=2)
    for words, names in (
        ("not yet made", total.missing),
        ("made, but no card or benchmark file says how", total.uncounted),
    ):
        if names:
            rest = f"\n  and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"{len(names)} {words}:\n" + "\n".join(f"  {name}" for name in names[:NAMED]) + rest
    if spent.untouched:
        yield f"Nothing was measured for {in_words(spent.untouched)}."


def _row(name: str, found: CostSum, own: str) -> list[str]:
    return [
        name,
        str(found.jobs.total()),
        str(len(found.missing)),
        hours(found.seconds, len(found.uncounted)),
        own,
        hours(found.cpu_seconds, found.cpu_unknown),
        size(found.memory),
        hours(found.gpu_seconds) if found.gpu_seconds else "",
        size(found.gpu_memory) if found.gpu_memory else "",
        size(found.disk),
    ]


def _kinds(found: CostSum) -> str:
    return ", ".join(f"{found.jobs[kind]} {kind.replace('_', '-')}" for kind in KINDS if found.jobs[kind])
