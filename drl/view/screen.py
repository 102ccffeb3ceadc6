"""A run on the screen: one live block in a terminal, or one line for each job elsewhere, and then where to look."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from drl.jobs.durations import duration
from drl.jobs.failures import end_of, words_of
from drl.view.state import JobSeen, RunSeen

MOST_RUNNING = 8  # lines of running jobs
LINE_BYTES = 2**12
REFRESHES = 2  # a second
# The last line about steps in a job's log, as drl.jobs.progress writes it.
STEP = re.compile(r": step (\d+/\d+)\b")


class Screen:
    """Shows a run; its methods other than `start` and `end` are called with `lock` held."""

    def __init__(self, run: RunSeen, scale: str, log: Path | None, stream: TextIO) -> None:
        """Show a run on a stream; nothing is printed before `start`.

        Args:
            run: The run.
            scale: The scale of the configuration.
            log: The file with all that Snakemake says.
            stream: A terminal, or any other stream.
        """
        self.run, self.scale, self.log = run, scale, log
        self.lock = threading.RLock()
        self.console = Console(file=stream, highlight=False, markup=False, emoji=False)
        alive = self.console.is_terminal and not self.console.is_dumb_terminal
        self.live = (
            Live(console=self.console, get_renderable=self._block, refresh_per_second=REFRESHES, transient=True)
            if alive
            else None
        )
        if not alive:
            self.console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def start(self) -> None:
        """Say what will run, and open the live block if there is a terminal."""
        kinds = ", ".join(f"{count} {rule.replace('_', '-')}" for rule, count in self._kinds().items())
        self.say(f"{self._where()}: {self.run.total} jobs ({kinds})")
        if self.log is not None:
            self.say(f"full log: {os.path.relpath(self.log)}")
        if self.live is not None:
            self.live.start()

    def done(self, job: JobSeen | None) -> None:
        """Note a finished job; outside a terminal, print its line."""
        if job is None or self.live is not None:
            return
        left = self.run.seconds_left()
        told = "" if left is None else f", about {duration(left)} left"
        self.say(f"[{len(self.run.finished)}/{self.run.total}] {job.title}: {duration(job.seconds or 0)}{told}")

    def broke(self, job: JobSeen | None) -> None:
        """Print which job failed at once; what to do is printed at the end too."""
        if job is not None:
            self.say(f"failed: {job.title}; jobs that run are finished, others are not started", "red")

    def say(self, text: str, style: str = "") -> None:
        """Print a line, above the live block if there is one."""
        self.console.print(Text(text, style=style))

    def end(self) -> None:
        """Close the live block, and print how it went: for failed jobs, what to do comes last."""
        with self.lock:
            if self.live is not None:
                self.live.stop()
            run, spent = self.run, duration(self.run.elapsed)
            done = f"{len(run.finished)} of {run.total} jobs done in {spent}"
            if run.failed and not run.interrupted:
                self.say(f"{done}; full log: {os.path.relpath(self.log) if self.log else 'none'}")
                self.say("\n".join(words_of([job.log for job in run.failed if job.log is not None])), "bold")
            elif len(run.finished) < run.total:
                why = "stopped" if run.interrupted else "ended early"
                self.say(f"{why}: {done}; the same command goes on from here")
            else:
                self.say("\n".join([f"{run.total} jobs done in {spent}", *self._where_to_look()]))

    def _kinds(self) -> dict[str, int]:
        """Return how many jobs of each kind there are, with all drawings as one kind."""
        kinds: dict[str, int] = {}
        for rule, count in self.run.rules.items():
            kind = "draw" if rule.startswith("draw_") else rule
            kinds[kind] = kinds.get(kind, 0) + count
        return kinds

    def _where(self) -> str:
        return f"results/{self.scale}"

    def _where_to_look(self) -> list[str]:
        """Return what was made that a person would open, and commands that go on from there."""
        drawn = [job.outputs[0] for job in self.run.finished if job.rule.startswith("draw_") and job.outputs]
        lines = []
        if drawn:
            more = f"  and {len(drawn) - 1} more in figures/ and tables/ there" if len(drawn) > 1 else ""
            lines.append(f"look at  {drawn[-1]}{more}")
        return [
            *lines,
            f"next     the same command with --report {self._where()}/report.html    (all of it as one page)",
            f"         drl claims --scale {self.scale}    (do the paper's claims hold?)",
        ]

    def _block(self) -> RenderableType:
        """Return the live block; rich calls this from a thread of its own."""
        with self.lock:
            run, width = self.run, self.console.width
            left = run.seconds_left()
            told = "" if left is None or not run.running else f", about {duration(left)} left"
            head = Table.grid(padding=(0, 1))
            head.add_row(
                Text(f"{len(run.finished)} of {run.total} jobs", style="bold"),
                ProgressBar(total=max(1, run.total), completed=len(run.finished), width=max(10, min(40, width - 60))),
                Text(f"{duration(run.elapsed)}{told}"),
            )
            rows = Table.grid(padding=(0, 2))
            rows.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, width - 30))
            shown = list(run.running.values())
            for job in shown[:MOST_RUNNING]:
                rows.add_row(f"  {job.title}", duration(run.clock() - job.began), _step(job.log))
            if len(shown) > MOST_RUNNING:
                rows.add_row(f"  and {len(shown) - MOST_RUNNING} more", "", "")
            notes = [Text(f"  {len(run.failed)} failed", style="red")] if run.failed else []
            if run.warnings:
                notes.append(Text(f"  {len(run.warnings)} warning{'s' * (len(run.warnings) > 1)}, see above"))
            return Group(head, rows, *notes)


def _step(log: Path | None) -> str:
    """Return how far a job is by its log: `step 40/100`; empty: its log does not say."""
    found = STEP.findall(end_of(log, LINE_BYTES)) if log is not None and log.is_file() else []
    return f"step {found[-1]}" if found else ""
