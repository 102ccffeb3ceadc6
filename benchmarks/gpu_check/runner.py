"""Run steps one after another, each in a process of its own with its own limit; no step can stop the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.step import Step, Where

ROOT = Path(__file__).resolve().parents[2]
LEAST_SECONDS = 10.0  # with less time left, a step is not begun
Row = dict[str, Any]


def run_all(steps: Sequence[Step], where: Where, budget: float, packages: Path | None = None) -> Iterator[Row]:
    """Run the steps, and yield the row of each.

    Args:
        steps: The steps, in order.
        where: Where they compute; each gets a folder of its own below `folder`, with its log.
        budget: Seconds for all of them.
        packages: A folder of unpacked packages.

    Yields:
        `step`, `status` (ok, failed, missing, hung, killed or no time), `seconds`, and `found` or `detail`.
    """
    began = time.monotonic()
    for number, step in enumerate(steps):
        left = budget - (time.monotonic() - began)
        if left < min(LEAST_SECONDS, step.limit):
            yield {"step": step.name, "status": "no time", "seconds": 0.0, "detail": f"{left:.0f} s were left"}
            continue
        folder = where.folder / f"{number:02d}_{step.name.replace(', ', '_').replace(' ', '_')}"
        folder.mkdir(parents=True, exist_ok=True)
        yield run_one(step, replace(where, folder=folder), min(step.limit, left), packages)


def run_one(step: Step, where: Where, limit: float, packages: Path | None = None) -> Row:
    """Run a step in a process, and return its row."""
    result, log = where.folder / "result.json", where.folder / "log.txt"
    result.unlink(missing_ok=True)
    words = ["--step", json.dumps(asdict(step)), "--where", json.dumps(vars(where) | {"folder": str(where.folder)})]
    command = [sys.executable, "-m", "benchmarks.gpu_check.child", *words, "--result", str(result)]
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=_environment(packages),
            start_new_session=True,
        )
        try:
            code, hung = process.wait(limit), False
        except subprocess.TimeoutExpired:
            code, hung = 0, True
        finally:
            # Processes that it began must not disturb the next step.
            _kill_group(process)
    row: Row = {"step": step.name, "status": "hung", "seconds": round(time.monotonic() - began, 1)}
    if hung:
        return row | {"detail": f"not finished after {limit:.0f} s"}
    try:
        found: Row = json.loads(result.read_text(encoding="utf-8"))
        return row | found
    except (OSError, ValueError):
        how = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return row | {"status": "killed" if code < 0 else "failed", "detail": f"{how}: {_last_line(log)}"}


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(packages: Path | None) -> dict[str, str]:
    paths = [str(ROOT), *([] if packages is None else [str(packages)]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no output"


def in_words(row: Row) -> str:
    """Return a row as one line."""
    said = row.get("detail")
    if said is None:
        said = ", ".join(
            f"{name} {_short(value)}" for name, value in row["found"].items() if not isinstance(value, dict)
        )
    return f"{row['step']:30} {row['status']:8} {row['seconds']:6.1f} s  {said}"


def _short(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
