"""Run planned jobs in this process, and count the units of work that they really do."""

from __future__ import annotations

import importlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from drl.config.schema import Config
from drl.evaluation import batched_mlp, codes, features, few_shot, frechet, geometry
from drl.jobs.job import Job, Resources
from drl.laplacenet import evaluation as classifier_evaluation
from drl.laplacenet import fine_tuning, pseudo_labels
from drl.methods.score_matching import ScoreMatching
from drl.pipeline.step import PlannedJob
from drl.training import code_usage, loop

ALONE = Resources(device="cpu", precision="fp32", compile="off", threads=1)
# Modules are imported before they are watched, because each holds its own name of a function.
WATCHED = (batched_mlp, codes, features, few_shot, frechet, geometry, classifier_evaluation, fine_tuning, loop)


class Done:
    """Results of planned jobs below a folder; jobs before a job are run first, each once.

    Attributes:
        counted: The units that each finished job did, by kind of work.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        """Begin with nothing done."""
        self.config, self.folder = config, folder
        self.counted: dict[PlannedJob, Counter[Any]] = {}

    def of(self, job: PlannedJob) -> Counter[Any]:
        """Run a job if that is not done yet, and return its units."""
        if job not in self.counted:
            for before in job.jobs_before(self.config):
                self.of(before)
            module = importlib.import_module(job.step.module)
            with counting() as found:
                module.run(self._job(job))
            self.counted[job] = found
        return self.counted[job]

    def _job(self, job: PlannedJob) -> Job[Any]:
        needs = job.needs(self.config)
        inputs = {name: tuple(self.folder / file.path for file in files) for name, files in needs.items()}
        settings = job.step.settings_for(self.config, job.about)
        about = {"scale": self.config.scale, **job.about}
        out = self.folder / job.output
        return Job(job.step.name, about, settings, "code", inputs, out, self.folder / ".state", ALONE)


@contextmanager
def counting() -> Iterator[Counter[Any]]:
    """Count units while jobs run, where their code does the work."""
    found: Counter[Any] = Counter()
    with pytest.MonkeyPatch.context() as patched:

        def watch(owner: Any, name: str, count: Callable[..., None]) -> None:
            original = getattr(owner, name)

            @wraps(original)
            def counted(*args: Any, **named: Any) -> Any:
                count(*args, **named)
                return original(*args, **named)

            patched.setattr(owner, name, counted)
            # Modules that imported the function have a name of their own for it.
            for holder in list(sys.modules.values()):
                if getattr(holder, "__dict__", {}).get(name) is original:
                    patched.setattr(holder, name, counted)

        def add(kind: Any, amount: float = 1) -> None:
            found[kind] += amount

        watch(loop.Training, "_learn", lambda run, given: add("train", _batch(given)))
        watch(code_usage, "code_usage", lambda method, store, images, times, seed: add("usage", len(times)))
        watch(codes, "extract_codes", lambda m, s, indices, times, *_, **__: add("encode", len(indices) * len(times)))
        watch(features.Extractor, "features", lambda self, images, device: add("encode", len(images)))
        watch(classifier_evaluation.Evaluation, "read", lambda self, positions: add("encode", len(positions)))
        watch(batched_mlp.BatchedMlp, "_step", lambda mlp, index, batch: add(*_probe_step(mlp)))
        watch(batched_mlp, "outcomes", lambda weights, read, labels: add(*_probe_evaluation(weights, read)))
        watch(ScoreMatching, "score", lambda method, x, t, z: add("score", len(x)))
        watch(fine_tuning.FineTuner, "_learn", lambda run, given: add("fine_tune", _versions(given["images"])))
        watch(pseudo_labels, "pseudo_labels", lambda *_, **__: add("pseudo_labels"))
        watch(geometry, "silhouette", lambda own, labels: add(("silhouette", len(own))))
        watch(frechet, "frechet_distance", lambda *_: add("frechet"))
        watch(few_shot.SVC, "fit", lambda self, x, y: add(("svm", len(x))))
        yield found


def _batch(given: Any) -> int:
    return len(given["images"] if "images" in given else given["positions"])


def _versions(images: Any) -> int:
    return int(images.shape[0] * images.shape[1])


def _probe_step(mlp: Any) -> tuple[Any, float]:
    """Return the kind, which has the entries that a probe reads, and the number of probes that do a step."""
    probes, _, entries = mlp.weights.hidden.shape
    return ("probe", entries), probes


def _probe_evaluation(weights: Any, read: Any) -> tuple[Any, float]:
    """Return the kind, and the images that probes are evaluated on, of all probes together."""
    probes, _, entries = weights.hidden.shape
    return ("evaluation", entries), probes * read.shape[1]
