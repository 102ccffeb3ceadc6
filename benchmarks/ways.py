"""Shared code of the benchmarks that run each way in a separate process, to measure its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from drl.jobs import memory

WAYS = ("plain", "pipeline")


def both(unit: str) -> tuple[list[dict[str, Any]], float]:
    """Run the calling script once for each way, with the same arguments and `--way`, and print a line for each.

    As in a process of `drl`, the pipeline's memory comes in large pages.

    Args:
        unit: Unit of the rate: the script's JSON has the keys `<unit>_per_second`, `peak_memory_mib` and `precision`.

    Returns:
        The results of the plain way and of the pipeline, and the ratio of their rates.
    """
    timings: list[dict[str, Any]] = []
    for way in WAYS:
        settings = {} if way == "plain" else {memory.VARIABLE: memory.SETTINGS}
        run = subprocess.run(
            [sys.executable, *sys.argv, "--way", way],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=True,
        )
        timings.append(json.loads(run.stdout.splitlines()[-1]))
        rate, peak = timings[-1][f"{unit}_per_second"], timings[-1]["peak_memory_mib"]
        print(f"{way:9} {rate:8.1f} {unit}/s  {peak:7.0f} MiB  {timings[-1]['precision']}")
    return timings, timings[1][f"{unit}_per_second"] / timings[0][f"{unit}_per_second"]
