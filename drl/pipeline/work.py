"""How much of which work each step's jobs are, from configuration and settings alone.

Work that costs the same on one device is one `WorkUnit`, so that it is measured once: methods, datasets and seeds with
the same network, image size and batch share a rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drl.config.jobs import (
    CodeSwapJob,
    CodeViewJob,
    FewShotJob,
    FidJob,
    FineTuneJob,
    LearningSpeedJob,
    PrepareJob,
    PretrainJob,
    ProbeJob,
    SilhouettesJob,
    TheoryJob,
)
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.files import fingerprint
from drl.laplacenet.schedule import Schedule

Axes = Mapping[str, str | int]
# What is done once, by kind of work; those of NETWORK are counted in operations too, those of HOST are the processor's
# on any device.
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
class WorkUnit:
    """A piece of work that is done many times.

    Attributes:
        kind: A key of NETWORK or HOST.
        key: Stands for all that its cost depends on but the device.
        title: For people.
        spec: What measuring it needs.
    """

    kind: str
    key: str
    title: str = field(compare=False)
    spec: Mapping[str, Any] = field(compare=False, hash=False)


@dataclass(frozen=True)
class Amount:
    """So many units."""

    unit: WorkUnit
    count: float


def work_unit(kind: str, title: str, spec: Mapping[str, Any], *key: Any) -> WorkUnit:
    """Return a unit whose cost depends on `key`, or on the whole spec where none is given."""
    return WorkUnit(kind, fingerprint(kind, *(key or [dict(spec)])), title, spec)


class Network:
    """The networks of a recipe on a dataset, and the work that they do."""

    def __init__(self, config: Config, dataset: str | int, name: str | int) -> None:
        """Resolve the recipe."""
        self.images, self.name = config.datasets[str(dataset)], str(name)
        self.recipe = resolve_recipe(config, self.name, str(dataset))
        self.facts = (self.images.channels, self.images.image_size, self.images.classes)

    def unit(self, kind: str, title: str, what: Any, **more: Any) -> WorkUnit:
        """Return a unit of a network's work; the number of classes is an output's alone: 0.01 % of a step."""
        spec = {"recipe": self.recipe, "facts": self.facts, "name": self.name, **more}
        return work_unit(kind, title, spec, *self.facts[:2], what)

    def sized(self, *parts: str) -> str:
        """Return the words for these parts and the images: WRN-28-2 + NCSN++ 16, 32x32x3."""
        words, encoder = [], self.recipe.encoder
        if encoder is not None and "encoder" in parts:
            if encoder.kind == "wide_resnet":
                words.append(f"WRN-{encoder.depth}-{encoder.width}")
            else:
                words.append(f"{encoder.kind} {encoder.code_size}-d")
        for part in parts:
            if part != "encoder" and (network := getattr(self.recipe, part)) is not None:
                names = {"ncsnpp": "NCSN++", "unet": "decoder"}
                words.append(f"{names.get(network.kind, network.kind)} {getattr(network, 'nf', '')}".strip())
        return f"{' + '.join(words)}, {self.facts[1]}x{self.facts[1]}x{self.facts[0]}"

    def encode(self, count: float) -> Amount:
        """Return the passes of so many images through the encoder."""
        unit = self.unit("encode", f"encoding, {self.sized('encoder')}", light(self.recipe.encoder))
        return Amount(unit, count)

    def evaluate(self, count: float) -> Amount:
        """Return so many evaluations of the score, an image each."""
        recipe = self.recipe
        small = recipe.encoder is None or code_size(recipe) <= SMALL_CODE
        what = [light(recipe.score), small, recipe.sampler.corrector]
        unit = self.unit("score", f"sampling, {self.sized('score')}", what, sampler=recipe.sampler)
        return Amount(unit, count)

    def chains(self, *t_init: float, times: int = 1) -> Amount:
        """Return the evaluations of a chain from each t_init; drl.diffusion.samplers.chain.calls says the same."""
        sampler = self.recipe.sampler
        steps, draws = sampler.steps, 1 if sampler.corrector == "none" else 2
        begins = [min(int((1 - t) * steps + 1e-9), steps - 1) for t in t_init]
        return self.evaluate(times * draws * sum(steps - begin for begin in begins))

    def probe_steps(self, protocol: Any, sets: int, seeds: int, wide: int, count: float) -> Amount:
        """Return steps of so many probes at once, whose inputs are so many codes side by side."""
        spec = {
            "sets": sets,
            "seeds": seeds,
            "features": code_size(self.recipe) * wide,
            "hidden": protocol.hidden,
            "batch": protocol.batch_size,
            "classes": self.images.classes,
        }
        # The precision of the products is the network's.
        main: Any = self.recipe.score or self.recipe.decoder
        width = getattr(main, "nf", 8 * getattr(self.recipe.encoder, "width", 0))
        title = f"probes, {sets} x {seeds} of {spec['features']} entries, {spec['classes']} classes"
        return Amount(work_unit("probe", title, {**spec, "recipe": self.recipe}, spec, width), count)

    def silhouette(self, count: float = 1, codes: int | None = None) -> Amount:
        """Return silhouettes of so many codes; by default of all test images."""
        spec = {"codes": codes or self.images.test, "classes": self.images.classes}
        return Amount(work_unit("silhouette", f"silhouette of {spec['codes']:,} codes", spec, spec), count)


def _measured(config: Config, axes: Axes) -> Network:
    return Network(config, axes["dataset"], axes["recipe"])


def prepare(config: Config, settings: PrepareJob, axes: Axes) -> list[Amount]:
    """Images that are read, scaled and written."""
    images = config.datasets[str(axes["dataset"])]
    folder = images.source == "image_folder"
    title = "images of a folder" if folder else "images of arrays"
    return [Amount(work_unit("prepare", title, {"folder": folder}), images.train + images.test)]


def pretrain(config: Config, settings: PretrainJob, axes: Axes) -> list[Amount]:
    """Images that a training sees, and code usage counted as such."""
    network, recipe, usage = _measured(config, axes), settings.recipe, settings.code_usage
    count, kind = float(recipe.iterations * recipe.batch_size), recipe.method.kind
    if count and kind in CONDITIONAL:
        held = network.images.validation or network.images.train
        measured = min(usage.times, recipe.iterations) * len(usage.t)
        count += CODE_USAGE_SHARE * measured * min(usage.images, held)
    method = ALIKE.get(kind, kind)
    words = [f"training {method}", network.sized("encoder", "score", "decoder"), f"batch {recipe.batch_size}"]
    words += ["augmented"] * bool(recipe.augmentation) + ["encoder frozen"] * (recipe.freeze == "encoder")
    parts = {name: light(getattr(recipe, name)) for name in ("encoder", "score", "decoder")}
    same = recipe.model_dump(mode="json", include={"batch_size", "augmentation", "freeze", "horizontal_flip"})
    return [Amount(network.unit("train", ", ".join(words), {**parts, **same, "method": method}), count)]


def _probe_count(protocol: Any, labels: int, tests: int) -> float:
    """Steps of a probe's training, and its evaluation counted as such: forward alone is a third of a step."""
    batch = min(protocol.batch_size, labels)
    sweep = max(1, len(protocol.learning_rates))
    return float(sweep * (protocol.epochs * (labels // batch) + tests / (3 * protocol.batch_size)))


def probe(config: Config, settings: ProbeJob, axes: Axes) -> list[Amount]:
    """Probes of every t and seed for each label budget, and those of all t together."""
    network, protocol = _measured(config, axes), settings.probe
    images, budgets = network.images, protocol.label_budgets
    sets, seeds = len(protocol.t), len(protocol.seeds)
    steps, wide = sum(_probe_count(protocol, labels, images.test) for labels in budgets), 0.0
    if protocol.trajectory:
        wide = _probe_count(protocol, budgets[-1], images.test)
        if not config.studies.probe.uses_validation:
            marked = round(budgets[-1] * images.validation / images.train)
            steps += _probe_count(protocol, max(1, budgets[-1] - marked), marked)
    return [
        network.encode(sets * (images.train + images.test)),
        network.probe_steps(protocol, sets, seeds, 1, steps),
        network.probe_steps(protocol, 1, seeds, sets, wide),
    ]


def few_shot(config: Config, settings: FewShotJob, axes: Axes) -> list[Amount]:
    """Support vector machines for each number of labels."""
    network, protocol = _measured(config, axes), settings.few_shot
    images, features = network.images, code_size(network.recipe)
    times = len(protocol.t) if sees_time(network.recipe) else 1
    tests = images.test + (images.validation if protocol.validation else 0)
    found = [network.encode(times * (tests + sum(protocol.labels)))]
    for labels in protocol.labels:
        spec = {"labels": labels, "tests": tests, "features": features, "classes": images.classes}
        found.append(Amount(work_unit("svm", f"machines of {labels} labels", spec, spec), times))
    return found


def learning_speed(config: Config, settings: LearningSpeedJob, axes: Axes) -> list[Amount]:
    """Probes of every snapshot."""
    network, protocol = _measured(config, axes), settings.probe
    images, times = network.images, len(protocol.t)
    kept = min(config.studies.learning_speed.snapshots, network.recipe.iterations) + 1
    steps = kept * _probe_count(protocol, protocol.label_budgets[0], images.validation)
    return [network.encode(kept * times * images.train), network.probe_steps(protocol, times, 1, 1, steps)]


def silhouettes(config: Config, settings: SilhouettesJob, axes: Axes) -> list[Amount]:
    """The codes of every model, and a silhouette of each."""
    networks = [Network(config, axes["dataset"], recipe) for recipe, _ in settings.models]
    return [part for one in networks for part in (one.encode(one.images.test), one.silhouette())]


def code_view(config: Config, settings: CodeViewJob, axes: Axes) -> list[Amount]:
    """Codes of test images at every t, and their silhouettes."""
    network, times = _measured(config, axes), len(settings.code_view.t)
    images = min(network.images.test, settings.code_view.images)
    return [network.encode(times * images), network.silhouette(times, images)]


def latent_grid(config: Config, settings: Any, axes: Axes) -> list[Amount]:
    """Codes of the test images, and a chain for each cell of the square."""
    network, cells = _measured(config, axes), settings.latent_grid.cells
    return [network.encode(network.images.test), network.chains(1.0, times=cells**2), network.silhouette()]


def code_swap(config: Config, settings: CodeSwapJob, axes: Axes) -> list[Amount]:
    """Evaluations of the ODE solver."""
    return [_measured(config, axes).evaluate(ODE_EVALUATIONS * settings.code_swap.classes**2)]


def one_code(config: Config, settings: Any, axes: Axes) -> list[Amount]:
    """A chain for each sample."""
    return [_measured(config, axes).chains(1.0, times=settings.one_code.columns**2)]


def later_start(config: Config, settings: Any, axes: Axes) -> list[Amount]:
    """A chain for each image of each cell."""
    cells = settings.later_start
    return [_measured(config, axes).chains(*cells.t_init, times=cells.images * cells.repeats * len(cells.priors))]


def fid(config: Config, settings: FidJob, axes: Axes) -> list[Amount]:
    """Features of training images and samples, and a distance for each cell."""
    cells, features = settings.cells, INCEPTION_FEATURES
    sets = len(cells.t_init) * len(cells.priors) * cells.repeats
    images = float(config.datasets[str(axes["dataset"])].train + sets * settings.images)
    if settings.fid.recipe is not None:
        network = Network(config, axes["dataset"], settings.fid.recipe)
        features, through = code_size(network.recipe), network.encode(images)
    else:
        through = Amount(work_unit("inception", "Inception at 299 pixels", {}), images)
    title = f"Fréchet distance of {features} features"
    return [through, Amount(work_unit("frechet", title, {"features": features}, features), sets)]


def theory(config: Config, settings: TheoryJob, axes: Axes) -> list[Amount]:
    """Steps of the three trainings, and expectations counted as such."""
    study = settings.theory.slice()
    size = {name: study[name] for name in ("mixture", "network", "code_size", "batch_size")}
    # Both expectations over draws pass forward alone, a third of a step, the first through two of the networks.
    draws = len(study["t"]) * study["draws"] / (3 * study["batch_size"])
    counts = {"unconditional": study["steps"] + 2 * draws, "drl": study["steps"] + draws, "ae": study["steps"]}
    spec = {"theory": settings.theory}
    return [
        Amount(work_unit("theory", f"theory, steps of {name}", {"recipe": name, **spec}, name, size), count)
        for name, count in counts.items()
    ]


def fine_tune(config: Config, settings: FineTuneJob, axes: Axes) -> list[Amount]:
    """Steps of the classifier, updates of the pseudo-labels, and the passes that both read."""
    study, arm = config.studies.fine_tune, settings.arm
    network = Network(config, axes["dataset"], study.network_of)
    images, held = network.images, network.images.validation if study.select == "best_val" else 0
    known = images.train - held
    schedule = Schedule.of(settings.labels, known, settings.fine_tune)
    epochs = schedule.epochs if arm.until == "end" else study.early_epoch
    tries = len(study.search) if arm.t_init == "search" else 1
    supervised, semi = schedule.supervised_epochs, max(0, epochs - schedule.supervised_epochs)
    steps = tries * supervised * schedule.steps(0) + semi * schedule.semi_steps
    title, what = f"fine-tuning, {network.sized('encoder')}", light(network.recipe.encoder)
    stepping = network.unit("fine_tune", title, [what, study.batch_size, study.versions], settings=settings)
    spec = {"images": known, "classes": images.classes, "features": code_size(network.recipe)}
    spec |= {"k": study.neighbours, "iterations": study.solver_iterations}
    title = f"pseudo-labels of {known:,} images, {images.classes} classes"
    return [
        Amount(stepping, float(steps * study.batch_size * study.versions)),
        network.encode(semi * known + (tries * supervised + semi) * (images.test + held)),
        Amount(work_unit("pseudo_labels", title, spec, spec), semi),
    ]


def draw(config: Config, settings: Any, axes: Axes) -> list[Amount]:
    """One drawing."""
    return [Amount(work_unit("draw", "drawing", {}), 1)]


def light(section: Any) -> dict[str, Any] | None:
    """Return a network's section without what leaves its cost as it is."""
    if section is None:
        return None
    kept: dict[str, Any] = {name: value for name, value in section.slice().items() if name not in OF_NO_WEIGHT}
    if kept.get("code_size", SMALL_CODE + 1) <= SMALL_CODE:
        kept["code_size"] = SMALL_CODE
    return kept


def code_size(recipe: Recipe) -> int:
    """Return the entries of a recipe's code."""
    encoder = recipe.encoder
    assert encoder is not None
    return 64 * encoder.width if encoder.kind == "wide_resnet" else encoder.code_size


def sees_time(recipe: Recipe) -> bool:
    """Whether a recipe's codes depend on t, as its encoder's `time` says once it is built; DAE's inputs do."""
    encoder = recipe.encoder
    assert encoder is not None
    return encoder.kind == "wide_resnet" or bool(getattr(encoder, "time", None)) or recipe.method.kind == "dae"
