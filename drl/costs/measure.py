"""Short measurements of each kind of work on this device: a few steps of the work of jobs, on random images.

Speed does not depend on what images show. On a CPU, batches that would take many seconds are made smaller, but not
much: on one thread the paper's recipe trains 34 images per second in batches of 50 or 100, 25 in batches of 25, and 20
in batches of 12.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch

from drl.config.fine_tuning import FineTuneProtocol, FineTuneStart
from drl.config.jobs import FineTuneJob, PretrainJob
from drl.config.project import CODE
from drl.config.recipes import Recipe
from drl.config.studies import CodeUsageSettings
from drl.config.theory import TheorySettings
from drl.costs.random_inputs import IMAGES, clusters, random_images
from drl.data.sampling import EpochSampler
from drl.data.store import ImageStore
from drl.diffusion.samplers.chain import run_chain
from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.sde import make_sde
from drl.evaluation.batched_mlp import BatchedMlp, ProbeStream
from drl.evaluation.codes import CHUNKS, extract_codes
from drl.evaluation.frechet import Statistics, frechet_distance
from drl.evaluation.geometry import silhouette
from drl.evaluation.sampling import BATCH, grid_of, options_of, sampler_of, score_function
from drl.jobs.device import Placement, network_channels, place
from drl.laplacenet.classifier import build as build_classifier
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.laplacenet.pseudo_labels import pseudo_labels
from drl.laplacenet.schedule import Schedule
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.pipeline.units import WorkUnit, code_size
from drl.theory.mixture import make_mixture
from drl.theory.training import TheoryTraining
from drl.training.loop import Training

PILOT = 8  # images of the first try, which decides how large a batch may be
FULL_SECONDS = 4.0  # on a CPU, a whole batch that takes less is not made smaller,
STEP_SECONDS = 2.0  # and a batch that takes more is reduced to about this time
TIMED_SECONDS = 1.0  # of all timed steps of a unit
REPEATS = (2, 7)  # at least and at most
# An update of the pseudo-labels took 0.23 s for 4,000 images and 5.2 s for 50,000 (docs/performance.md): as n^1.24.
UPDATE_IMAGES, UPDATE_POWER = 12_500, 1.24
SILHOUETTE_CODES = 2000  # the time grows with the square
FRECHET_FEATURES = 512  # eigenvalues: the time grows with the cube
PROBE_STEPS, THEORY_STEPS = 4, 10  # timed together: one step is too short
TESTS = 1000  # images that a support vector machine classifies; the time is proportional
ENDLESS = 10**9  # steps, so that no logs or snapshots become due
# Epochs of a measured fine-tuning, about those of the paper's. Each step of a fine-tuning counts the steps that remain,
# epoch by epoch: with the millions of epochs of an endless one, it counted 80 times as long as it computed.
FINE_TUNE_EPOCHS = 300
# Seconds of work that is not measured, because it takes minutes at any scale: reading, scaling and writing an image
# (JPEG files of 84 x 84; arrays of 28 x 28), and drawing an item after its modules are imported (8 figures of scale
# demo).
FIXED = {"images of a folder": 8e-4, "images of arrays": 6e-5, "drawing": 0.9}

# The imports of jobs before they begin, by package of drl; building an optimiser imports more.
_TRAINING = "torch; torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])"
STARTS = {
    "data": "import drl.data.prepare",
    "training": f"import drl.training.pretrain, {_TRAINING}",
    "laplacenet": f"import drl.laplacenet.fine_tune, {_TRAINING}",
    "evaluation": "import drl.evaluation.probe, drl.evaluation.latent_grid",
    "theory": f"import drl.theory.study, {_TRAINING}",
    "reporting": "import drl.reporting.figure, drl.reporting.probe_curves",
}


class Meter:
    """Measures units on one device. There is a method for each kind of work, which returns the seconds of one unit."""

    def __init__(self, device: str, precision: str, compile: str, threads: int | None) -> None:
        """Store the configuration's `run` and the threads of a job."""
        self.device, self.precision, self.compile, self.threads = device, precision, compile, threads
        self.placement = place(device, precision, "off", threads)
        self.cuda = self.placement.device.type == "cuda"

    def seconds(self, unit: WorkUnit) -> float:
        """Return the seconds of one unit of work."""
        if unit.title in FIXED:
            return FIXED[unit.title]
        with torch.random.fork_rng():
            return float(getattr(self, f"_{unit.kind}")(unit.spec))

    def _place(self, recipe: Recipe, compile: str = "off") -> Placement:
        return place(self.device, self.precision, compile, self.threads, network_channels(recipe))

    def _time(self, step: Callable[[], object], warm_up: int = 1) -> float:
        """Return the median seconds of a step: the lower median if even, because a first step may be slow."""
        for _ in range(warm_up):
            step()
        seconds: list[float] = []
        while len(seconds) < REPEATS[0] or (len(seconds) < REPEATS[1] and sum(seconds) < TIMED_SECONDS):
            seconds.append(self._once(step))
        return statistics.median_low(seconds)

    def _once(self, step: Callable[[], object]) -> float:
        # For one thread on a CPU, count its own time and not the clock's, which other jobs would lengthen.
        clock = time.perf_counter if self.cuda or self.placement.threads > 1 else time.process_time
        wait = torch.cuda.synchronize if self.cuda else lambda: None
        wait()
        started = clock()
        step()
        wait()
        return clock() - started

    def _batch(self, full: int, step: Callable[[int], object]) -> int:
        """Return how many images a timed step has: the full batch on a GPU, or if it does not take long."""
        if self.cuda or full <= PILOT:
            return full
        step(PILOT)
        each = self._once(lambda: step(PILOT)) / PILOT
        return full if each * full < FULL_SECONDS else max(PILOT, min(full, round(STEP_SECONDS / each)))

    def _image(self, full: int, step: Callable[[int], object], warm_up: int = 1) -> float:
        """Return the seconds per image of a step that takes a number of images."""
        batch = self._batch(full, step)
        return self._time(lambda: step(batch), warm_up) / batch

    def _method(self, spec: Any, compile: str = "off") -> tuple[Method, ImageStore, Placement]:
        facts, placement = ImageFacts(*spec["facts"]), self._place(spec["recipe"], compile)
        store = random_images(facts, placement.device)
        torch.manual_seed(0)
        method = build_method(spec["recipe"], facts, store.mean.cpu(), store.std.cpu()).to(placement.device)
        return method, store, placement

    def _train(self, spec: Any) -> float:
        recipe: Recipe = spec["recipe"].model_copy(update={"iterations": ENDLESS, "train_images": None})
        method, store, placement = self._method({**spec, "recipe": recipe}, self.compile)
        if recipe.freeze == "encoder":
            method.code_network().requires_grad_(False)
        usage = CodeUsageSettings(times=1, images=2, t=(0.5,))
        training = Training(method, store, placement, PretrainJob(recipe=recipe, code_usage=usage, snapshots=1), 0)
        sampler = cache(lambda images: EpochSampler(store.train, images, torch.Generator().manual_seed(0)))

        def step(images: int) -> None:
            training.sampler = sampler(images)
            training.advance()

        return self._image(recipe.batch_size, step, 3 if self.cuda else 0)

    def _score(self, spec: Any) -> float:
        built, _, placement = self._method(spec, self.compile)
        method = sampler_of(built.eval().requires_grad_(False))
        score, options = score_function(method, placement), options_of(spec["sampler"])
        shape = (spec["facts"][0], spec["facts"][1], spec["facts"][1])

        def chain(images: int, steps: int = 1) -> None:
            grid = grid_of(method, spec["sampler"].model_copy(update={"steps": steps + 1}))
            noise = ImageNoise(list(range(images)), shape, placement.device, options.draws)
            z = (
                None
                if method.encoder is None
                else torch.zeros(images, code_size(spec["recipe"]), device=placement.device)
            )
            # A chain that starts at the grid's second time has one step less.
            starts = [1 - 1 / (steps + 1)] * images
            with torch.inference_mode():
                run_chain(score, grid, noise.start(), starts, noise, z, options)

        batch = self._batch(BATCH[placement.device.type], chain)
        # Noise is drawn for 16 steps at once, so chains of fast networks have 16 steps.
        steps = 16 if self._once(lambda: chain(batch)) < STEP_SECONDS / 16 else 1
        return self._time(lambda: chain(batch, steps), 0 if steps == 1 else 1) / (batch * steps * options.draws)

    def _encode(self, spec: Any) -> float:
        method, store, placement = self._method(spec)
        method.eval().requires_grad_(False)
        full = min(CHUNKS[placement.device.type], IMAGES)
        return self._image(full, lambda images: extract_codes(method, store, store.train[:images], [0.5], placement))

    def _probe(self, spec: Any) -> float:
        placement, count = self._place(spec["recipe"]), PROBE_STEPS * spec["batch"]
        codes = torch.randn(spec["sets"], count, spec["features"]).to(placement.device)
        labels = (torch.arange(count) % spec["classes"]).to(placement.device)
        probes = BatchedMlp(
            codes,
            labels,
            [ProbeStream(seed, placement.device) for seed in range(spec["seeds"])],
            classes=spec["classes"],
            hidden=spec["hidden"],
            dropout=0.25,
            learning_rate=1e-3,
            weight_decay=1e-5,
            products=torch.bfloat16 if placement.precision == "bf16" else None,
        )
        return self._time(lambda: probes.train_epoch(spec["batch"], True)) / PROBE_STEPS

    def _fine_tune(self, spec: Any) -> float:
        known: FineTuneJob = spec["settings"]
        facts, protocol, network = ImageFacts(*spec["facts"]), known.fine_tune, known.network
        placement = place(self.device, self.precision, "off", self.threads, 8 * network.encoder.width)
        store = random_images(facts, placement.device)
        versions = protocol.versions if self.cuda else 1

        @cache
        def begun(images: int) -> FineTuner:
            labelled, others = store.train.chunk(2)
            few = {"batch_size": images, "labelled_batch": images // 2, "versions": versions}
            known_steps = _steps_of_epochs(len(labelled), len(store.train), protocol.model_copy(update=few))
            changed = {
                "arm": FineTuneStart(model=None),
                "fine_tune": protocol.model_copy(update={**few, "steps": known_steps}),
            }
            classifier = build_classifier(network, facts, 0).to(placement.device)
            split = ImageSplit(labelled, others, store.val, store.test)
            found = FineTuner(classifier, store, split, placement, known.model_copy(update=changed), 0)
            # Pseudo-labels are measured separately, so here every image keeps its label.
            found.targets, found.epoch, found.step_in_epoch = store.labels.clone(), found.schedule.supervised_epochs, 1
            return found

        def step(images: int) -> None:
            begun(images).advance()
            begun(images).step_in_epoch = 1

        return self._image(protocol.batch_size, step, int(self.cuda)) / versions

    def _pseudo_labels(self, spec: Any) -> float:
        images, device = min(spec["images"], UPDATE_IMAGES), self.placement.device
        features, labels = clusters(images, spec["classes"], spec["features"], device)
        known = torch.arange(min(images, 10 * spec["classes"]), device=device)
        update = partial(pseudo_labels, neighbours=spec["k"], iterations=spec["iterations"])
        seconds = self._time(lambda: update(features, known, labels[known], spec["classes"]), 0)
        return float(seconds * (spec["images"] / images) ** UPDATE_POWER)

    def _inception(self, spec: Any) -> float:
        from drl.data.compatibility import make_torchvision_importable

        make_torchvision_importable()
        from torchvision.models import inception_v3

        # The network of FID's Inception except for its pooling; the weights of FID's Inception would need a download.
        network = inception_v3(weights=None, init_weights=False, aux_logits=True).to(self.placement.device).eval()
        x = torch.zeros(250 if self.cuda else 4, 3, 299, 299, device=self.placement.device)
        with torch.inference_mode():
            return self._time(lambda: network(x)) / len(x)

    def _frechet(self, spec: Any) -> float:
        features = min(spec["features"], FRECHET_FEATURES)
        found = [Statistics.of(torch.randn(2 * features, features)) for _ in range(2)]
        return float(self._time(lambda: frechet_distance(*found)) * (spec["features"] / features) ** 3)

    def _silhouette(self, spec: Any) -> float:
        codes, labels = clusters(min(spec["codes"], SILHOUETTE_CODES), spec["classes"], 2, torch.device("cpu"))
        return float(self._time(lambda: silhouette(codes, labels)) * (spec["codes"] / len(codes)) ** 2)

    def _svm(self, spec: Any) -> float:
        from sklearn.svm import SVC

        codes, classes = clusters(spec["labels"] + TESTS, spec["classes"], spec["features"], torch.device("cpu"))
        x, y, machine = codes.double().numpy(), classes.numpy(), SVC()
        fit = self._time(lambda: machine.fit(x[:-TESTS], y[:-TESTS]))
        ask = self._time(lambda: machine.predict(x[-TESTS:]))
        # A job fits as many support vector machines at once as it has threads.
        return float(fit + ask * spec["tests"] / TESTS) / self.placement.threads

    def _theory(self, spec: Any) -> float:
        study: TheorySettings = spec["theory"].model_copy(update={"steps": ENDLESS})
        training = TheoryTraining(spec["recipe"], make_mixture(study.mixture), make_sde(study.ve), study, 0)
        return self._time(lambda: [training.advance() for _ in range(THEORY_STEPS)]) / THEORY_STEPS

    def _start(self, spec: Any) -> float:
        command = [sys.executable, "-c", f"import drl.cli.main; {STARTS[spec['package']]}"]
        # Processor seconds of the child processes that this process has waited for.
        before = os.times()
        subprocess.run(command, check=True, capture_output=True, cwd=CODE)
        after = os.times()
        return after.children_user - before.children_user + after.children_system - before.children_system


def _steps_of_epochs(labels: int, images: int, protocol: FineTuneProtocol) -> int:
    """Return the steps of a fine-tuning with FINE_TUNE_EPOCHS epochs on pseudo-labels."""
    schedule = Schedule.of(labels, images, protocol.model_copy(update={"steps": ENDLESS}))
    return schedule.supervised_epochs * schedule.steps(0) + FINE_TUNE_EPOCHS * schedule.semi_steps
