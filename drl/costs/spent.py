"""The measured costs of items, from run cards and Snakemake's benchmark files."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.table import Table

from drl.config.schema import Config
from drl.costs.jobs import DRAW, job_table, of_item, own, shared
from drl.costs.show import in_words, plain_hours, shared_parts, size, table, time, time_of
from drl.data.regular import open_regular, read_regular
from drl.errors import UserError
from drl.files import atomic
from drl.pipeline.step import PlannedJob
from drl.records.card import Card, read_card
from drl.records.metrics import LARGEST

MOST_BYTES = 2**16  # of a benchmark file, which has two lines
MOST_HEAD = 4096
MEASURED = ("s", "max_rss", "cpu_time")  # what is read of a benchmark file
NAMED = 12  # the most missing jobs to name; costs.csv counts all of them


class JobCost(NamedTuple):
    """The cost of one job; zero if it is not made.

    Attributes:
        seconds: Seconds from start to end, of all its processes if it was interrupted.
        unknown: Whether it is made, but neither its card nor its benchmark file gives its cost.
        cpu_seconds: Processor seconds of its last process; nan if neither its card nor its benchmark file gives them.
        gpu_seconds: The same as `seconds` if it computed on a GPU.
        memory: The most bytes of its process.
        gpu_memory: The most bytes on the GPU; 0 if it used none.
        disk: Bytes of its results, card, log and benchmark file.
    """

    seconds: float = 0.0
    unknown: bool = False
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    memory: int = 0
    gpu_memory: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Spent:
    """The costs of a folder of results.

    Attributes:
        folder: results/<scale>.
        items: Items of which more is made than images and models.
        untouched: All other items.
        jobs: The jobs of `items` (all made jobs if there are no items): rows of drl.costs.jobs.job_table, whether they
            are made, and the fields of JobCost.
    """

    folder: Path
    items: tuple[str, ...]
    untouched: tuple[str, ...]
    jobs: pd.DataFrame

    @classmethod
    def read(cls, folder: Path, config: Config) -> Spent:
        """Read a folder of results.

        Raises:
            UserError: If it holds nothing of the configuration's items.
        """
        jobs = job_table(config, config.items)
        jobs["made"] = [(folder / job.output).is_file() for job in jobs["job"]]
        if not jobs["made"].any():
            raise UserError(
                f"costs: {folder} holds no results of scale {config.scale}; make some, or name their folder"
            )
        costs = [
            job_cost(folder, job) if made else JobCost() for job, made in zip(jobs["job"], jobs["made"], strict=True)
        ]
        jobs = jobs.join(pd.DataFrame(costs))
        # The item was drawn, or something was measured for it.
        begun = jobs[jobs["made"] & ~jobs["kind"].isin(["prepare", "pretrain"])]
        items = tuple(item for item in config.items if len(of_item(begun, item)))
        untouched = tuple(item for item in config.items if item not in items)
        of_items = jobs[[not {*items}.isdisjoint(users) for users in jobs["users"]]]
        return cls(folder, items, untouched, of_items if items else jobs[jobs["made"]])

    def of_item(self, item: str) -> pd.DataFrame:
        """Return all jobs that an item needs."""
        return of_item(self.jobs, item)

    def own(self, item: str) -> pd.DataFrame:
        """Return the jobs of an item that no other item needs."""
        return own(self.jobs, item, (*self.items, *self.untouched))

    def plain(self) -> dict[str, Any]:
        """Return plain values."""
        made = self.jobs[self.jobs["made"]]
        return {
            "folder": str(self.folder),
            "items": {
                item: plain_sum(self.of_item(item)) | {"own_hours": plain_sum(self.own(item))["hours"]}
                for item in self.items
            },
            "untouched": list(self.untouched),
            "shared": [{"items": list(items), **plain_sum(rows)} for items, rows in shared(made)],
            "total": plain_sum(self.jobs),
            "missing": outputs(self.jobs[~self.jobs["made"]]),
            "without_card_or_benchmark": outputs(made[made["unknown"]]),
        }


def outputs(jobs: pd.DataFrame) -> list[str]:
    """Return the first output of each job."""
    return [job.output for job in jobs["job"]]


def plain_sum(jobs: pd.DataFrame) -> dict[str, Any]:
    """Return the total costs of jobs as plain values; memory is the maximum over jobs."""
    total, cpu_unknown = jobs.sum(numeric_only=True), jobs["cpu_seconds"].isna().sum()
    return {
        "jobs": int(total["made"]),
        "missing": int((~jobs["made"]).sum()),
        "hours": plain_hours(total["seconds"], total["unknown"]),
        "gpu_hours": plain_hours(total["gpu_seconds"]),
        "cpu_hours": plain_hours(total["cpu_seconds"], cpu_unknown),
        "jobs_of_unknown_cpu_time": int(cpu_unknown),
        "peak_memory_bytes": int(max(jobs["memory"], default=0)),
        "peak_gpu_memory_bytes": int(max(jobs["gpu_memory"], default=0)),
        "disk_bytes": int(total["disk"]),
    }


def job_cost(folder: Path, job: PlannedJob) -> JobCost:
    """Read the cost of a made job.

    Args:
        folder: results/<scale>.
        job: The job, made.
    """
    card, benchmark = _card(folder / f"{job.output}.json"), _benchmark(benchmark_file(folder, job))
    if card is None and not benchmark:
        return JobCost(unknown=True, cpu_seconds=math.nan)
    on_gpu = card is not None and card.device == "cuda"
    of_card = 0.0 if card is None else card.seconds or card.seconds_of_last_process or 0.0
    memory, gpu_memory = (card.peak_memory_bytes or 0, card.peak_gpu_memory_bytes) if card else (0, None)
    if on_gpu and gpu_memory is None:
        # Older cards have only one peak: the GPU's if the job used a GPU.
        memory, gpu_memory = 0, memory
    # The benchmark file includes the time of starting; the card includes processes before an interruption.
    seconds = max(of_card, benchmark.get("s", 0.0))
    # Snakemake looks at a job's processes from time to time, and never at one that the preloaded server started.
    cpu = [benchmark.get("cpu_time"), card.cpu_seconds if card else None]
    return JobCost(
        seconds,
        cpu_seconds=max((value for value in cpu if value is not None), default=math.nan),
        gpu_seconds=seconds * on_gpu,
        memory=int(max(memory, 2**20 * benchmark.get("max_rss", 0.0))),
        gpu_memory=int(gpu_memory or 0),
        disk=sum(path.stat().st_size for path in _files(folder, job, card) if path.is_file()),
    )


def benchmark_file(folder: Path, job: PlannedJob) -> Path:
    """Return the path of Snakemake's benchmark file for a job."""
    # The rule that draws an item is named after the item.
    item = job.about.get("item")
    name = job.step.log_name.format(**job.about) if item is None else f"{DRAW}/{item}"
    return folder / "benchmarks" / f"{name}.tsv"


def _files(folder: Path, job: PlannedJob, card: Card | None) -> Iterator[Path]:
    output, benchmark = folder / job.output, benchmark_file(folder, job)
    yield from {output, *(output.parent / name for name in (card.outputs if card else ()))}
    yield from (Path(f"{output}.json"), benchmark)
    yield folder / "logs" / benchmark.relative_to(folder / "benchmarks").with_suffix(".log")


def _card(path: Path) -> Card | None:
    try:
        return read_card(path)
    except UserError:
        return None


def _benchmark(path: Path) -> dict[str, float]:
    """Return the numbers of a benchmark file; cells that are no such numbers (for a very short job) are left out."""
    try:
        rows = pd.read_csv(io.BytesIO(read_regular(path, MOST_BYTES)), sep="\t", nrows=1, usecols=MEASURED.__contains__)
    except (UserError, ValueError):
        return {}
    numbers = rows.apply(pd.to_numeric, errors="coerce").to_dict("records")
    return {str(name): float(value) for row in numbers for name, value in row.items() if 0 <= value <= LARGEST}


def write_csv(spent: Spent) -> Path:
    """Write costs.csv into the folder: one row per item, and the total, in which each job counts once.

    Raises:
        UserError: If a file of this name is there that this function did not write.
    """
    path, plain = spent.folder / "costs.csv", spent.plain()
    _check_ours(path)
    rows = [{"item": item, **values} for item, values in (plain["items"] | {"total": plain["total"]}).items()]
    with atomic(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, lineterminator="\n")
    return path


def spent_parts(spent: Spent) -> Iterator[str | Table]:
    """Yield the parts that `drl costs` prints."""
    head = ["item", "jobs", "missing", "time", "own", "CPU time", "memory", "GPU time", "GPU memory", "disk"]
    rows = [_row(item, spent.of_item(item), time_of(spent.own(item))) for item in spent.items]
    yield table(head, rows, last=_row("total", spent.jobs, ""))
    yield (
        "time: of all jobs that the item needs, all processes included; own: of jobs that no other item needs.\n"
        "The total counts each job once. Memory: the largest of any process, and the largest on a GPU."
    )
    made = spent.jobs[spent.jobs["made"]]
    yield from shared_parts(made)
    for words, names in (
        ("not yet made", outputs(spent.jobs[~spent.jobs["made"]])),
        ("made, but no card or benchmark file gives the cost", outputs(made[made["unknown"]])),
    ):
        if names:
            rest = f"\n  and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"{len(names)} {words}:\n" + "\n".join(f"  {name}" for name in names[:NAMED]) + rest
    if spent.untouched:
        yield f"Nothing was measured for {in_words(spent.untouched)}."


def _row(name: str, jobs: pd.DataFrame, own: str) -> list[str]:
    total, largest = jobs.sum(numeric_only=True), jobs[["memory", "gpu_memory"]].max()
    return [
        name,
        str(int(total["made"])),
        str(len(jobs) - int(total["made"])),
        time_of(jobs),
        own,
        time(total["cpu_seconds"], jobs["cpu_seconds"].isna().sum()),
        size(largest["memory"]),
        time(total["gpu_seconds"]) if total["gpu_seconds"] else "",
        size(largest["gpu_memory"]) if largest["gpu_memory"] else "",
        size(total["disk"]),
    ]


def _check_ours(path: Path) -> None:
    """Refuse to replace a file that only has the name of ours."""
    if not os.path.lexists(path):
        return
    with open_regular(path) as file:
        head = file.readline(MOST_HEAD)
    if not head.startswith(b"item,jobs,missing,hours,"):
        raise UserError(f"costs: {path} is there already, and no table of costs; move it away")
