"""How long a job may run: a configured budget, or the time that a scheduler leaves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Literal

ASK_SECONDS = 20
TRIES = 3
# The share of the remaining time that is kept for saving and exiting, within these bounds in minutes.
KEPT, LEAST_KEPT, MOST_KEPT = 0.1, 0.25, 10.0


def budget(wall_clock_minutes: float | Literal["auto"] | None) -> float | None:
    """Return after how many minutes a job should save and stop; None: never.

    Args:
        wall_clock_minutes: The configuration's `run.wall_clock_minutes`. auto: under SLURM a little less than the
                remaining time of the job, elsewhere never.
    """
    if wall_clock_minutes != "auto":
        return wall_clock_minutes
    left = minutes_left()
    return None if left is None else max(0.0, left - min(max(KEPT * left, LEAST_KEPT), MOST_KEPT))


def minutes_left() -> float | None:
    """Return the minutes until SLURM ends this job; None if there is no SLURM, no limit, or no answer.

    Jobs have to ask, because they are not warned: jobs that an executor starts inside another step never get SIGTERM.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    for _ in range(TRIES):
        try:
            # %L: the time until the limit, as [days-][hours:]minutes:seconds.
            asked = subprocess.run(
                ["squeue", "--noheader", "--jobs", job, "--format", "%L"],
                capture_output=True,
                text=True,
                timeout=ASK_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        lines = asked.stdout.split()
        return parse(lines[0]) if lines else None
    print(
        f"drl: squeue does not say how long SLURM job {job} may run, so it will not stop by itself; "
        "set run.wall_clock_minutes",
        file=sys.stderr,
        flush=True,
    )
    return None


def parse(left: str) -> float | None:
    """Read SLURM's `[days-][[hours:]minutes:]seconds` as minutes; None for UNLIMITED, INVALID and the like."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)", left)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 1440 * days + 60 * hours + minutes + seconds / 60
