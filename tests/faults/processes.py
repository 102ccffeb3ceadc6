"""Real processes that run `drl`, forked from one that has imported everything, so that they start at once."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drl.files import files_below

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "drl.cli.main",
        "drl.evaluation.later_start",
        "drl.evaluation.probe",
        "drl.laplacenet.fine_tune",
        "drl.reporting.figure",
        "drl.training.pretrain",
        # Imported by optimisers when the first is made.
        "torch._dynamo",
    ]
)


def _main(words: list[str], folder: Path, log: Path, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if folder.parts[1] == "proc":
        # As /proc/<process>/root/<folder> another mount namespace is seen from outside; libraries resolve paths.
        namespace = os.open(Path(*folder.parts[:3], "ns", "mnt"), os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(namespace, 0):
            raise OSError(ctypes.get_errno(), "setns")
        folder = Path("/", *folder.parts[4:])
    os.chdir(folder)
    os.dup2(opened, 1)
    os.dup2(opened, 2)
    sys.argv = ["drl", *words]
    from drl.cli.main import main

    main()


@dataclass(frozen=True)
class Job:
    """A `drl` command that runs alone.

    Attributes:
        folder: Where it runs.
        words: Of its command line.
        files: What it makes, below the folder; compared bit for bit.
        states: Where it keeps its state.
        logs: What its processes print goes here, a file each.
        environment: What its processes find in their environment besides.
    """

    folder: Path
    words: tuple[str, ...]
    files: tuple[str, ...]
    states: Path
    logs: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Any] = field(default_factory=list)

    def start(self) -> Any:
        """Start it, and return the process."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.log(len(self.started))
        process = CONTEXT.Process(target=_main, args=(list(self.words), self.folder, log, self.environment))
        process.start()
        self.started.append(process)
        return process

    def log(self, number: int) -> Path:
        """Return where the process of this number prints."""
        return self.logs / f"{number}.log"

    def said(self, number: int = -1) -> str:
        """Return what a process has printed; by default the last."""
        log = self.log(number % len(self.started))
        return log.read_text() if log.exists() else ""

    def run(self) -> int:
        """Run it to its end, and return the exit code."""
        process = self.start()
        process.join(120)
        assert process.exitcode is not None, self.said()
        return int(process.exitcode)

    def made(self) -> dict[str, bytes]:
        """Return the contents of its files."""
        return {name: (self.folder / name).read_bytes() for name in self.files}

    def has_saved(self) -> bool:
        """Say whether a state is there."""
        return any(path.suffix == ".safetensors" for path in files_below(self.states))

    def clear(self) -> None:
        """Remove what it made and saved, so that it begins again."""
        for path in [*(self.folder / name for name in self.files), *self.states.rglob("*")]:
            if path.is_file():
                path.unlink()
        (self.folder / f"{self.files[0]}.json").unlink(missing_ok=True)

    def rest(self) -> list[str]:
        """Return what is left of states, temporary files and locks."""
        hidden = [str(path) for path in self.folder.rglob(".*")]
        return hidden + [str(path) for path in self.states.rglob("*") if path.is_file()]


def kill(process: Any, after: float) -> bool:
    """Kill a process without a warning after so many seconds; return whether it still ran."""
    process.join(after)
    killed = process.exitcode is None
    process.kill()
    process.join()
    return killed


def kill_when_saved(work: Job, chance: random.Random) -> list[Path]:
    """Kill a job some time after it has saved a state, and return the states.

    One that ended before begins again, and is left half the time: how long a job takes depends on the machine.
    """
    for attempt in range(10):
        process = work.start()
        wait_for(lambda process=process: work.has_saved() or process.exitcode is not None)
        kill(process, chance.uniform(0, 0.5 / 2**attempt))
        states = [path for path in work.states.glob("*/*.safetensors") if "previous" not in path.name]
        if states:
            return states
        work.clear()
    raise AssertionError("the job ended ten times before it was killed")


def words(command: str, run: Mapping[str, Any], settings: Mapping[str, Any], **options: object) -> tuple[str, ...]:
    """Return a command line that reads no configuration."""
    plain = {"scale": "demo", "threads": 1, "settings": json.dumps(settings), "run": json.dumps(run), **options}
    return (command, *(word for name, value in plain.items() for word in (f"--{name}", str(value))))


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: If it takes too long.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)
