"""What is known of a run of Snakemake, from the events of its log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drl.jobs.job import title_of


@dataclass
class JobSeen:
    """One job.

    Attributes:
        rule: Its rule.
        title: Its name for readers: `probe drl on digits, seed 0`.
        log: Its log.
        outputs: Its first outputs.
        began: When it began, or was submitted, as time.monotonic says.
        seconds: How long it took; None while it runs.
    """

    rule: str
    title: str
    log: Path | None
    outputs: tuple[str, ...]
    began: float
    seconds: float | None = None


@dataclass
class RunSeen:
    """A run.

    Attributes:
        clock: Returns seconds.
        began: When its first job could begin.
        rules: How many jobs of each rule there are.
        total: How many jobs there are.
        running: The jobs that run now, by their number.
        finished: Those that are done.
        failed: Those that failed.
        warnings: What Snakemake warned of.
        interrupted: Whether a person stopped it.
    """

    clock: Callable[[], float] = time.monotonic
    began: float = 0.0
    rules: Counter[str] = field(default_factory=Counter)
    total: int = 0
    running: dict[int, JobSeen] = field(default_factory=dict)
    finished: list[JobSeen] = field(default_factory=list)
    failed: list[JobSeen] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False

    def planned(self, stats: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule; Snakemake adds their total."""
        # Targets such as figure_4 and all are jobs to Snakemake, but nothing runs for them.
        idle = {name.removeprefix("draw_") for name in stats if name.startswith("draw_")}
        idle |= {"total", "all", "all_figures", "all_tables", "study"}
        self.rules = Counter({name: count for name, count in stats.items() if name not in idle})
        self.total, self.began = sum(self.rules.values()), self.clock()

    def begun(self, number: int, about: Mapping[str, Any]) -> None:
        """Take a job that begins: the fields of Snakemake's event; a mere target is left out."""
        rule, logs = str(about.get("rule_name", "")), about.get("log") or ()
        if rule not in self.rules:
            return
        log = Path(str(logs[0]).partition(" ")[0]) if logs else None
        outputs = tuple(str(name) for name in about.get("output") or ())
        title = title_of(rule, dict(about.get("wildcards") or {}))
        self.running[number] = JobSeen(rule, title, log, outputs, self.clock())

    def ended(self, number: int) -> JobSeen | None:
        """Take a job that is done; None if it is unknown, or was known already."""
        return self._left(number, self.finished)

    def broke(self, number: int) -> JobSeen | None:
        """Take a job that failed; None if it is unknown, or was known already."""
        return self._left(number, self.failed)

    def _left(self, number: int, among: list[JobSeen]) -> JobSeen | None:
        job = self.running.pop(number, None)
        if job is not None:
            job.seconds = self.clock() - job.began
            among.append(job)
        return job

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self.clock() - self.began

    def seconds_left(self) -> float | None:
        """Estimate the seconds left; None before the first job is done.

        A job takes as long as the mean of those of its rule that are done, or else of all. As many jobs run side by
        side as do now.
        """
        measured = [job for job in self.finished if job.seconds is not None]
        if not measured:
            return None
        seconds: dict[str, list[float]] = {}
        for job in measured:
            seconds.setdefault(job.rule, []).append(job.seconds or 0.0)
        means = {rule: sum(values) / len(values) for rule, values in seconds.items()}
        usual = sum(job.seconds or 0.0 for job in measured) / len(measured)
        done = Counter(job.rule for job in (*self.finished, *self.failed))
        left = sum(max(0, count - done[rule]) * means.get(rule, usual) for rule, count in self.rules.items())
        now = self.clock()
        left -= sum(min(now - job.began, means.get(job.rule, usual)) for job in self.running.values())
        return max(0.0, left) / max(1, len(self.running))
