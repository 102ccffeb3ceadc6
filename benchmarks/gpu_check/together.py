"""Several trainings at once on one device, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from benchmarks.gpu_check.step import Where
from benchmarks.gpu_check.subjects import images_per_second, pretraining

SECONDS, TINY_SECONDS = 8.0, 0.2


def together(where: Where) -> dict[str, Any]:
    """Return images per second of one training, and of all of 2 and of 4 at the same time."""
    alone = _rates(where, 1)[0]
    found: dict[str, Any] = {"images/s of 1": alone}
    for processes in (2,) if where.tiny else (2, 4):
        found[f"images/s of {processes}"] = rate = sum(_rates(where, processes))
        found[f"gain of {processes}"] = rate / alone
    return found


def _rates(where: Where, processes: int) -> list[float]:
    words = [
        sys.executable,
        "-m",
        "benchmarks.gpu_check.together",
        where.device,
        str(int(where.tiny)),
        str(where.folder),
    ]
    started = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    # All are warm, so all measure at the same time.
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [float(json.loads(process.communicate()[0])) for process in started]


def _one(device: str, tiny: str, folder: str) -> None:
    where = Where(device, tiny == "1", folder)  # type: ignore[arg-type]
    training = pretraining(where, "drl", graphs="on")
    images_per_second(training, 0.1, warm_up=1 if where.tiny else 5)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    rate = images_per_second(training, TINY_SECONDS if where.tiny else SECONDS, warm_up=0)
    print(f"{time.perf_counter() - began:.1f} s", file=sys.stderr)
    print(json.dumps(rate))


if __name__ == "__main__":
    _one(*sys.argv[1:])
