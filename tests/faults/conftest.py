"""Jobs of a few seconds, what they make undisturbed, and faults at random moments."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drl.config.sampling import SamplerSettings
from drl.models.model_file import save_model
from tests import tiny
from tests.faults.processes import CONTEXT, Job, words
from tests.laplacenet.test_fine_tuning import settings as fine_tuning

RUN: dict[str, Any] = {
    **{"device": "cpu", "precision": "fp32", "compile": "off", "gpu_slots": 1, "wall_clock_minutes": None},
    # Fifty times a second: a fast machine trains for less than half a second.
    **{"save_minutes": 1 / 3000, "sampling_batch": 9, "inception_weights": None},
}
LATER_START = {"t_init": [0.5, 1.0], "priors": ["gaussian"], "uniform": "per_pixel", "images": 9, "repeats": 1}
SAMPLES = {"method": "unconditional", "sampler": SamplerSettings(steps=50).slice(), "later_start": LATER_START}
KINDS = ("pretrain", "fine-tune", "later-start")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let every fault be injected more than once."""
    parser.addoption("--repeats", type=int, default=1, help="How often each fault is injected.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat the tests that inject at random moments."""
    if "chance" in metafunc.fixturenames:
        metafunc.parametrize("repeat", range(metafunc.config.getoption("--repeats", 1)))


@pytest.fixture
def repeat() -> int:
    """The number of the repeat."""
    return 0


@pytest.fixture
def chance(repeat: int) -> random.Random:
    """Random numbers for this injection; $FAULT_SEED gives those of an earlier one again."""
    seed = int(os.environ.get("FAULT_SEED") or int.from_bytes(os.urandom(4)))
    print(f"FAULT_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, and a model to draw samples from."""
    folder = tmp_path_factory.mktemp("start")
    images = tiny.images(folder / "made", per_class=20)
    shutil.copytree(images.parent, folder / "data" / "stripes")
    settings = {"dataset": {"source": "image_folder"}}
    from drl.records.run_card import write_card

    data = folder / "data" / "stripes"
    write_card("prepare", [data / "images.safetensors", data / "files.csv"], settings, "code", dataset="stripes")
    model = folder / "models" / "stripes" / "unconditional" / "seed0" / "model.safetensors"
    about = tiny.about("unconditional", scale="demo")
    save_model(model, tiny.method("unconditional", objective={"preconditioning": "edm"}), {}, about)
    write_card("pretrain", [model], {}, "code", **vars(about))
    shutil.rmtree(folder / "made")
    return folder


@pytest.fixture
def job(start: Path, tmp_path: Path) -> Callable[..., Job]:
    """Make a job of some kind, in a folder of its own."""

    def make(kind: str, name: str = "work", folder: Path | None = None, **run: Any) -> Job:
        folder = folder or tmp_path / name
        shutil.copytree(start, folder, dirs_exist_ok=True)
        states = folder / "states"
        shared = {"images": "data/stripes/images.safetensors", "states": "states", "dataset": "stripes", "seed": 0}
        if kind == "pretrain":
            out = "models/stripes/drl/seed0/"
            files = tuple(out + name for name in ("model.safetensors", "snapshots.safetensors", "loss.csv"))
            more: dict[str, object] = {"recipe": "drl", "out": files[0]}
            settings: dict[str, Any] = tiny.settings("drl", iterations=24).slice()
        elif kind == "fine-tune":
            out = "metrics/fine_tune/a"
            files = (f"{out}.csv", f"{out}.safetensors", f"{out}.right.safetensors")
            more = {"arm": "none", "labels": 12, "split": 0, "out": files[0]}
            settings = fine_tuning().slice()
        else:
            files = ("metrics/later_start/seed0.csv", "metrics/later_start/seed0.safetensors")
            more = {
                "recipe": "unconditional",
                "out": files[0],
                "model": "models/stripes/unconditional/seed0/model.safetensors",
            }
            settings = SAMPLES
        return Job(folder, words(kind, RUN | run, settings, **shared, **more), files, states, tmp_path / f"{name}.logs")

    return make


@pytest.fixture(scope="session")
def undisturbed(start: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[dict[str, bytes], float]]:
    """What jobs make undisturbed, and how many seconds they take; each is run once."""
    known: dict[str, tuple[dict[str, bytes], float]] = {}

    def ask(kind: str, make: Callable[..., Job]) -> tuple[dict[str, bytes], float]:
        if kind not in known:
            # The first one waits for what all are forked from.
            first = CONTEXT.Process(target=time.sleep, args=(0,))
            first.start()
            first.join()
            whole = make(kind, "undisturbed")
            began = time.monotonic()
            assert whole.run() == 0, whole.said()
            known[kind] = whole.made(), time.monotonic() - began
            assert whole.rest() == []
        return known[kind]

    return ask


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB, in a mount namespace of its own, reached through the process that keeps it."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    command = f"mount -t tmpfs -o size=32m none {folder} && echo ready && exec sleep 600"
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline().strip() != "ready":
            pytest.skip(f"no small file system can be mounted here: {holder.stderr.read().strip()}")
        yield Path(f"/proc/{holder.pid}/root{folder}")
        holder.kill()


def card_of(job: Job) -> dict[str, Any]:
    """Return the run card of a job's files."""
    found: dict[str, Any] = json.loads((job.folder / f"{job.files[0]}.json").read_text())
    return found
