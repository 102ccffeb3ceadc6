"""How much of which work each job is, from the configuration alone. Pure Python.

Work that costs the same on one device is one `Load`, so that each is measured once: methods, datasets and seeds that
share a network, an image size and a batch share a rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from drl.config.schema import Config
from drl.costs.jobs import DRAW, Job
from drl.files import fingerprint
from drl.laplacenet.schedule import Schedule
from drl.pipeline import slices
from drl.pipeline.items import models

# What is done once, by unit; NETWORK units are counted in operations too, HOST units are the processor's on any device.
NETWORK = {
    "train": "image",
    "score": "evaluation",
    "encode": "image",
    "probe": "step",
    "fine_tune": "image",
    "pseudo_labels": "update",
    "inception": "image",
}
HOST = {
    "svm": "machine",
    "silhouette": "silhouette",
    "frechet": "distance",
    "prepare": "image",
    "start": "job",
    "draw": "item",
    "theory": "step",
}
# What leaves the time of a step as it is: weights of losses, times, embeddings of the noise level (measured within the
# noise of repeated timings), how pixels are scaled.
OF_NO_WEIGHT = ("embedding", "fourier_scale", "scale_by_sigma", "dropout", "log_variance_offset")
SMALL_CODE = 16  # entries: a code of so many or fewer costs a network the same
# Methods whose steps differ by a penalty alone, or by what the encoder is shown.
ALIKE = {"vdrl": "drl", "cdae": "drl", "vae": "ae", "dae": "ae"}
CONDITIONAL = ("drl", "vdrl", "cdae")  # methods whose code usage is measured (drl.training.code_usage)
# Code usage encodes once and evaluates the score twice: about two passes forward, each a third of a training step.
CODE_USAGE_SHARE = 2 / 3
# Of the ODE solver, which chooses its own steps: 33 at demo scale. For 16 images it is seconds in any case.
ODE_EVALUATIONS = 200
INCEPTION_FEATURES = 2048


@dataclass(frozen=True)
class Load:
    """One kind of work.

    Attributes:
        unit: A key of NETWORK or HOST: what one of it is.
        key: Stands for all that its cost depends on but the device.
        title: For people.
        spec: What measuring it needs.
    """

    unit: str
    key: str
    title: str = field(compare=False)
    spec: Mapping[str, Any] = field(compare=False, hash=False)


@dataclass(frozen=True)
class Work:
    """So many units of a load."""

    load: Load
    count: float


class Amounts:
    """The work of jobs of one configuration."""

    def __init__(self, config: Config) -> None:
        """Take the configuration."""
        self.config = config
        self._known: dict[tuple[str, ...], tuple[Work, ...]] = {}
        self._recipes: dict[tuple[str, str], dict[str, Any]] = {}

    def of(self, job: Job) -> tuple[Work, ...]:
        """Return the work of a job; jobs that differ in the seed alone have the same."""
        what = job.model.recipe if job.model else f"{job.run.arm} {job.run.labels}" if job.run else job.item
        names = (job.kind, job.dataset, what)
        if names not in self._known:
            self._known[names] = (self._start(job.kind), *(work for work in self._parts(job) if work.count))
        return self._known[names]

    def _parts(self, job: Job) -> list[Work]:
        if job.kind == DRAW:
            return [Work(load("draw", "drawing", {}), 1)]
        parts: list[Work] = getattr(self, f"_{job.kind}")(job)
        return parts

    def recipe(self, dataset: str, name: str) -> dict[str, Any]:
        """Return a resolved recipe, as a job gets it."""
        if (dataset, name) not in self._recipes:
            self._recipes[dataset, name] = slices.pretrain(self.config, dataset, name)["recipe"]
        return self._recipes[dataset, name]

    def facts(self, dataset: str) -> list[int]:
        """Return channels, image size and classes of a dataset."""
        images = self.config.datasets[dataset]
        return [images.channels, images.image_size, images.classes]

    def _start(self, kind: str) -> Work:
        group = START_GROUPS.get(kind, "measure")
        return Work(load("start", f"start of {group} jobs", {"group": group}), 1)

    def _prepare(self, job: Job) -> list[Work]:
        images = self.config.datasets[job.dataset]
        folder = images.source == "image_folder"
        title = "images of a folder" if folder else "images of arrays"
        return [Work(load("prepare", title, {"folder": folder}), images.train + images.test)]

    def _pretrain(self, job: Job) -> list[Work]:
        assert job.model is not None
        recipe, usage = self.recipe(job.dataset, job.model.recipe), self.config.studies.code_usage
        count = float(recipe["iterations"] * recipe["batch_size"])
        if count and recipe["method"]["kind"] in CONDITIONAL:
            measured = min(usage.times, recipe["iterations"]) * len(usage.t)
            count += CODE_USAGE_SHARE * measured * min(usage.images, self._held(job.dataset))
        method = recipe["method"]["kind"]
        words = [f"training {ALIKE.get(method, method)}", sized(recipe, self.facts(job.dataset))]
        words += [f"batch {recipe['batch_size']}"]
        words += ["augmented"] * bool(recipe["augmentation"]) + ["encoder frozen"] * (recipe["freeze"] == "encoder")
        return [Work(self._network("train", ", ".join(words), job.dataset, recipe, training(recipe)), count)]

    def _held(self, dataset: str) -> int:
        images = self.config.datasets[dataset]
        return images.validation or images.train

    def _network(self, unit: str, title: str, dataset: str, recipe: dict[str, Any], what: Any, **more: Any) -> Load:
        channels, size, classes = self.facts(dataset)
        # The number of classes is an output's alone: 0.01 % of a step.
        return load(unit, title, {"recipe": recipe, "facts": [channels, size, classes], **more}, channels, size, what)

    def _encode(self, dataset: str, recipe: dict[str, Any], count: float) -> Work:
        title = f"encoding, {sized({'encoder': recipe['encoder']}, self.facts(dataset))}"
        return Work(self._network("encode", title, dataset, recipe, light(recipe["encoder"])), count)

    def _probe_steps(
        self, dataset: str, recipe: dict[str, Any], sets: int, seeds: int, wide: int, count: float
    ) -> Work:
        protocol = self.config.studies.probe
        spec = {
            "sets": sets,
            "seeds": seeds,
            "features": code_size(recipe) * wide,
            "hidden": protocol.hidden,
            "batch": protocol.batch_size,
            "classes": self.config.datasets[dataset].classes,
        }
        # The precision of the products is the network's.
        width = (recipe["score"] or recipe["decoder"] or {}).get("nf", 8 * (recipe["encoder"] or {}).get("width", 0))
        title = f"probes, {sets} x {seeds} of {spec['features']} entries, {spec['classes']} classes"
        return Work(load("probe", title, {**spec, "recipe": recipe}, spec, width), count)

    def _steps(self, labels: int, tests: int) -> float:
        """Steps of a probe's training, and its evaluation counted as such: forward alone is a third of a step."""
        protocol = self.config.studies.probe
        batch = min(protocol.batch_size, labels)
        sweep = max(1, len(protocol.learning_rates))
        return sweep * (protocol.epochs * (labels // batch) + tests / (3 * protocol.batch_size))

    def _probe(self, job: Job) -> list[Work]:
        assert job.model is not None
        protocol, images = self.config.studies.probe, self.config.datasets[job.dataset]
        recipe, budgets = self.recipe(job.dataset, job.model.recipe), slices.budgets(self.config, job.dataset)
        sets, seeds = len(protocol.t), len(protocol.seeds)
        steps = sum(self._steps(labels, images.test) for labels in budgets)
        wide = 0.0
        if protocol.trajectory:
            wide = self._steps(budgets[-1], images.test)
            if not protocol.uses_validation:
                marked = round(budgets[-1] * images.validation / images.train)
                steps += self._steps(max(1, budgets[-1] - marked), marked)
        return [
            self._encode(job.dataset, recipe, sets * (images.train + images.test)),
            self._probe_steps(job.dataset, recipe, sets, seeds, 1, steps),
            self._probe_steps(job.dataset, recipe, 1, seeds, sets, wide),
        ]

    def _few_shot(self, job: Job) -> list[Work]:
        assert job.model is not None
        protocol, images = self.config.studies.few_shot, self.config.datasets[job.dataset]
        recipe = self.recipe(job.dataset, job.model.recipe)
        times = len(protocol.t) if sees_time(recipe) else 1
        tests = images.test + (images.validation if self.config.few_shot_validates else 0)
        wanted = slices.few_shot_labels(self.config, job.dataset)
        works = [self._encode(job.dataset, recipe, times * (tests + sum(wanted)))]
        for labels in wanted:
            spec = {"labels": labels, "tests": tests, "features": code_size(recipe), "classes": images.classes}
            works.append(Work(load("svm", f"machines of {labels} labels", spec, spec), times))
        return works

    def _learning_speed(self, job: Job) -> list[Work]:
        assert job.model is not None
        speed, images = self.config.studies.learning_speed, self.config.datasets[job.dataset]
        recipe, times = self.recipe(job.dataset, job.model.recipe), len(self.config.studies.learning_speed.t)
        kept = min(speed.snapshots, recipe["iterations"]) + 1
        labels = images.train - images.validation
        steps = kept * self._steps(labels, images.validation)
        return [
            self._encode(job.dataset, recipe, kept * times * images.train),
            self._probe_steps(job.dataset, recipe, times, 1, 1, steps),
        ]

    def _score(self, job: Job, evaluations: float) -> Work:
        assert job.model is not None
        recipe, sampler = self.recipe(job.dataset, job.model.recipe), self._sampler(job)
        title = f"sampling, {sized({'score': recipe['score']}, self.facts(job.dataset))}"
        network = [light(recipe["score"]), recipe["encoder"] is None or small_code(recipe), sampler["corrector"]]
        return Work(self._network("score", title, job.dataset, recipe, network, sampler=sampler), evaluations)

    def _chains(self, job: Job, t_init: list[float]) -> Work:
        """Return the evaluations of a chain from each t_init; drl.diffusion.samplers.chain.calls says the same."""
        assert job.model is not None
        sampler = self._sampler(job)
        steps, draws = sampler["steps"], 1 if sampler["corrector"] == "none" else 2
        begins = [min(int((1 - t) * steps + 1e-9), steps - 1) for t in t_init]
        return self._score(job, draws * sum(steps - begin for begin in begins))

    def _sampler(self, job: Job) -> dict[str, Any]:
        """Return how samples of a job's model are drawn."""
        assert job.model is not None
        return slices.sampler(self.config, job.dataset, job.model.recipe)

    def _silhouette(self, dataset: str, count: float = 1, codes: int | None = None) -> Work:
        known = self.config.datasets[dataset]
        spec = {"codes": codes or known.test, "classes": known.classes}
        return Work(load("silhouette", f"silhouette of {spec['codes']:,} codes", spec, spec), count)

    def _code_view(self, job: Job) -> list[Work]:
        assert job.model is not None
        recipe, times = self.recipe(job.dataset, job.model.recipe), len(self.config.studies.probe.t)
        images = min(self.config.datasets[job.dataset].test, self.config.studies.study.test_images)
        return [
            self._encode(job.dataset, recipe, times * images),
            self._silhouette(job.dataset, times, images),
        ]

    def _latent_grid(self, job: Job) -> list[Work]:
        assert job.model is not None
        recipe, cells = self.recipe(job.dataset, job.model.recipe), self.config.studies.latent_grid.cells
        return [
            self._encode(job.dataset, recipe, self.config.datasets[job.dataset].test),
            self._chains(job, [1.0] * cells**2),
            self._silhouette(job.dataset),
        ]

    def _code_swap(self, job: Job) -> list[Work]:
        return [self._score(job, ODE_EVALUATIONS * self.config.studies.code_swap.classes**2)]

    def _one_code(self, job: Job) -> list[Work]:
        return [self._chains(job, [1.0] * self.config.studies.one_code.columns**2)]

    def _later_start(self, job: Job) -> list[Work]:
        cells = self.config.studies.later_start
        one = self._chains(job, list(cells.t_init))
        return [Work(one.load, one.count * cells.images * cells.repeats * len(cells.priors))]

    def _silhouettes(self, job: Job) -> list[Work]:
        works = []
        for model in models(self.config, "figure_12"):
            if model.dataset == job.dataset:
                recipe = self.recipe(job.dataset, model.recipe)
                works.append(self._encode(job.dataset, recipe, self.config.datasets[job.dataset].test))
                works.append(self._silhouette(job.dataset))
        return works

    def _fid(self, job: Job) -> list[Work]:
        study, cells = self.config.studies, self.config.studies.later_start
        sets = len(cells.t_init) * len(cells.priors) * cells.repeats
        images = float(self.config.datasets[job.dataset].train + sets * cells.images)
        features = INCEPTION_FEATURES
        if study.fid.extractor == "supervised":
            recipe = self.recipe(job.dataset, study.fid.recipe)
            features, through = code_size(recipe), self._encode(job.dataset, recipe, images)
        else:
            through = Work(load("inception", "Inception at 299 pixels", {}), images)
        distance = load("frechet", f"Fréchet distance of {features} features", {"features": features}, features)
        return [through, Work(distance, sets)]

    def _theory(self, job: Job) -> list[Work]:
        study = self.config.studies.theory.slice()
        size = {name: study[name] for name in ("mixture", "network", "code_size", "batch_size")}
        # Both expectations over draws pass forward alone, a third of a step, the first through two of the networks.
        draws = len(study["t"]) * study["draws"] / (3 * study["batch_size"])
        counts = {"unconditional": study["steps"] + 2 * draws, "drl": study["steps"] + draws, "ae": study["steps"]}
        known = {
            name: load("theory", f"theory, steps of {name}", {"recipe": name, **study}, name, size) for name in counts
        }
        return [Work(known[name], float(count)) for name, count in counts.items()]

    def _fine_tune(self, job: Job) -> list[Work]:
        assert job.run is not None
        study, images = self.config.studies.fine_tune, self.config.datasets[job.dataset]
        arm, held = self.config.arms[job.run.arm], images.validation if study.select == "best_val" else 0
        known = images.train - held
        schedule = Schedule.of(job.run.labels, known, study.slice())
        epochs = schedule.epochs if arm.until == "end" else study.early_epoch
        tries = len(study.search) if arm.t_init == "search" else 1
        supervised, semi = schedule.supervised_epochs, max(0, epochs - schedule.supervised_epochs)
        steps = tries * supervised * schedule.steps(0) + semi * schedule.semi_steps
        recipe = self._classifier(job.dataset)
        network = [light(recipe["encoder"]), study.batch_size, study.versions]
        title = f"fine-tuning, {sized({'encoder': recipe['encoder']}, self.facts(job.dataset))}"
        more = {"study": study.slice(), "padding": study.crop_padding(images.image_size)}
        stepping = self._network("fine_tune", title, job.dataset, recipe, network, **more)
        read = semi * known + (tries * supervised + semi) * (images.test + held)
        spec = {"images": known, "classes": images.classes, "features": code_size(recipe), "k": study.neighbours}
        spec |= {"iterations": study.solver_iterations}
        update = load("pseudo_labels", f"pseudo-labels of {known:,} images, {images.classes} classes", spec, spec)
        return [
            Work(stepping, float(steps * study.batch_size * study.versions)),
            self._encode(job.dataset, recipe, read),
            Work(update, semi),
        ]

    @cached_property
    def _classifier_recipe(self) -> str:
        return self.config.studies.fine_tune.network_of

    def _classifier(self, dataset: str) -> dict[str, Any]:
        return self.recipe(dataset, self._classifier_recipe)


# Commands that import the same start in the same time; all that are not named here measure models.
START_GROUPS = {"prepare": "prepare", "pretrain": "train", "fine_tune": "train", DRAW: "draw"}


def load(unit: str, title: str, spec: Mapping[str, Any], *key: Any) -> Load:
    """Return a load whose cost depends on `key`, or on the whole spec where none is given."""
    return Load(unit, fingerprint(unit, *(key or [dict(spec)])), title, spec)


def training(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a recipe decides the time of a training step."""
    method = recipe["method"]["kind"]
    parts = {name: light(recipe[name]) for name in ("encoder", "score", "decoder")}
    same = {name: recipe[name] for name in ("batch_size", "augmentation", "freeze", "horizontal_flip")}
    return {**parts, **same, "method": ALIKE.get(method, method)}


def light(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return a network's section without what leaves its cost as it is."""
    if section is None:
        return None
    kept = {name: value for name, value in section.items() if name not in OF_NO_WEIGHT}
    if kept.get("code_size", SMALL_CODE + 1) <= SMALL_CODE:
        kept["code_size"] = SMALL_CODE
    return kept


def code_size(recipe: Mapping[str, Any]) -> int:
    """Return the entries of a recipe's code."""
    encoder = recipe["encoder"]
    return int(64 * encoder["width"] if encoder["kind"] == "wide_resnet" else encoder["code_size"])


def small_code(recipe: Mapping[str, Any]) -> bool:
    """Whether a code is so small that its size does not matter."""
    return code_size(recipe) <= SMALL_CODE


def sees_time(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe's codes depend on t, as its encoder's `time` says once it is built; DAE's inputs do."""
    encoder = recipe["encoder"]
    return encoder["kind"] == "wide_resnet" or bool(encoder.get("time")) or recipe["method"]["kind"] == "dae"


def sized(recipe: Mapping[str, Any], facts: list[int]) -> str:
    """Return the words for a recipe's networks and images: WRN-28-2 + NCSN++ 16, 32x32x3."""
    words = []
    if encoder := recipe.get("encoder"):
        wide = encoder["kind"] == "wide_resnet"
        words.append(
            f"WRN-{encoder['depth']}-{encoder['width']}" if wide else f"{encoder['kind']} {code_size(recipe)}-d"
        )
    for part in ("score", "decoder"):
        if network := recipe.get(part):
            names = {"ncsnpp": "NCSN++", "unet": "decoder"}
            words.append(f"{names.get(network['kind'], network['kind'])} {network.get('nf', '')}".strip())
    return f"{' + '.join(words)}, {facts[1]}x{facts[1]}x{facts[0]}"
