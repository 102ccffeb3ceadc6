"""What the tests against a real SLURM share. They run inside tests/slurm/inside.sh: `make test-slurm`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.slurm.cluster import Cluster, run
from tests.workflow.conftest import TINY, Project, short_recipes

# Figure 4 with two recipes of one seed, and what else is drawn from them; trainings long enough to be disturbed.
STEPS = 300
RECIPES = ["drl", "vdrl"]
ITEMS = ["figure_4", "code_usage"]
SAVE_MINUTES = 0.02
SECONDS = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a place for a SLURM there is nothing to be tested."""
    if "DRL_SLURM_TEST" not in os.environ:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs tests/slurm/inside.sh: make test-slurm"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running SLURM."""
    made = Cluster(Path(os.environ["DRL_SLURM_TEST"]) / "root")
    made.start()
    yield made
    made.stop()


class Slice(Project):
    """A copy of the project for a slice of Figure 4."""

    def __init__(self, folder: Path, steps: int = STEPS, **run: Any) -> None:
        """Make the copy.

        Args:
            folder: Where.
            steps: Of each training.
            run: More of the configuration's `run` section.
        """
        super().__init__(folder)
        self.running: Running | None = None
        settings = TINY | {
            "run": {"device": "cpu", "precision": "fp32", "save_minutes": SAVE_MINUTES} | run,
            "recipes": short_recipes(steps),
            "items": TINY["items"] | {item: {"datasets": ["digits"], "recipes": RECIPES} for item in ITEMS},
        }
        (folder / "tiny.yaml").write_text(json.dumps(settings))

    def submit(self, *words: str, **environment: str) -> Running:
        """Start Snakemake under the project's profile for SLURM, as it is, but asking for news more often.

        Args:
            words: Added to the command line.
            environment: Variables of the environment, such as those that the profile reads.
        """
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", *ITEMS]
        command += ["--configfile", "tiny.yaml", "--slurm-init-seconds-before-status-checks", "1", *words]
        self.running = Running(self, command, environment)
        return self.running

    def end(self) -> None:
        """End Snakemake if a test left it running, and what lived on from a node that was out of reach."""
        if self.running is not None:
            self.running.process.kill()
            self.running.process.wait()
        for process in psutil.process_iter(["cwd"]):
            if (process.info["cwd"] or "").startswith(str(self.folder)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def freeze(self, recipe: str) -> None:
        """Stop a training with SIGSTOP, so that it does not end before SLURM disturbs it; SLURM's signals wake it."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = process.info["cmdline"] or []
            if process.info["cwd"] == str(self.folder) and "pretrain" in words and recipe in words:
                process.suspend()
                found.append(process)
        assert found, f"no training of {recipe} is running"

    def files(self) -> dict[str, bytes]:
        """Return what was made, by path: all that must not depend on where and how it was made."""
        results = self.folder / "results" / "demo"
        found = [path for suffix in ("safetensors", "csv") for path in results.rglob(f"*.{suffix}")]
        return {str(path.relative_to(results)): path.read_bytes() for path in found if ".state" not in path.parts}

    def state(self, recipe: str) -> int | None:
        """Return when the newest state of a recipe's training was saved; None: there is none."""
        cards = self.folder / "results" / "demo" / ".state"
        marks = [path.stat().st_mtime_ns for path in cards.rglob("loss.csv") if f",{recipe}," in path.read_text()]
        return max(marks, default=None)


class Running:
    """Snakemake while it runs, and what it has printed."""

    def __init__(self, project: Slice, command: list[str], added: dict[str, str]) -> None:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DRL_SLURM_GPU"))
        }
        self.project, self.printed, self.began = project, "", time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment | {"OMP_NUM_THREADS": "1"} | added,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += f"{time.monotonic() - self.began:6.1f} {line}"

    def ends(self) -> None:
        """Wait for the end, which must be a good one."""
        code = self.process.wait(SECONDS)
        self.reader.join(10)
        assert code == 0, self.printed

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is so, while Snakemake runs."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert self.process.poll() is None, f"ended before {what}:\n{self.printed}"
            assert time.monotonic() < end, f"waited for {what}:\n{self.printed}"
            time.sleep(0.1)

    def in_training(self, recipe: str) -> None:
        """Wait until a training is in its midst: it has saved a state."""
        self.wait_for(lambda: self.project.state(recipe) is not None, f"a saved state of {recipe}")


@pytest.fixture
def slice_of(tmp_path: Path) -> Iterator[Callable[..., Slice]]:
    """Return what makes a copy of the project; nothing of it runs on after the test."""
    made: list[Slice] = []

    def make(*arguments: Any, **run: Any) -> Slice:
        made.append(Slice(tmp_path / "project", *arguments, **run))
        return made[-1]

    yield make
    for project in made:
        project.end()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Slice]:
    """Return what makes the slice on this machine without SLURM, once for each number of steps, and returns it."""
    made: dict[int, Slice] = {}

    def make(steps: int = STEPS) -> Slice:
        if steps not in made:
            project = Slice(tmp_path_factory.mktemp("local") / "project", steps)
            done = project.snakemake("--cores", "2", *ITEMS)
            assert done.returncode == 0, done.stdout + done.stderr
            made[steps] = project
        return made[steps]

    return make


def of_rule(cluster: Cluster, rule: str) -> list[list[str]]:
    """Return number, state and comment of a rule's jobs."""
    return [job for job in cluster.jobs() if job[2].startswith(f"rule_{rule}")]


def describe(job: str) -> str:
    """Return all that SLURM knows of a job."""
    return run("scontrol", "show", "job", "-d", job)
