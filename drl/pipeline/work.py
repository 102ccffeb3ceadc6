"""The kinds and amounts of work of each step's jobs, from configuration and settings alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drl.config.schema import Config
from drl.laplacenet.schedule import Schedule
from drl.pipeline.units import Amount, Network, WorkUnit, code_size, light, sees_time

Axes = Mapping[str, str | int]
# Methods whose steps differ only by a penalty, by the encoder's input or by what is done with them later.
ALIKE = {"vdrl": "drl", "cdae": "drl", "vae": "ae", "dae": "ae", "score_features": "unconditional"}
CONDITIONAL = ("drl", "vdrl", "cdae")  # methods whose code usage is measured (drl.training.code_usage)
# Code usage encodes once and evaluates the score twice: about two forward passes, each a third of a training step.
CODE_USAGE_SHARE = 2 / 3
# Evaluations of the ODE solver, which chooses its own steps: 33 at demo scale. For 16 images it takes only seconds.
ODE_EVALUATIONS = 200
INCEPTION_FEATURES = 2048


def _measured(config: Config, axes: Axes) -> Network:
    return Network(config, axes["dataset"], axes["recipe"])


def prepare(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Images that are read, scaled and written."""
    images = config.datasets[str(axes["dataset"])]
    folder = images.source == "image_folder"
    unit = WorkUnit.of("prepare", "images of a folder" if folder else "images of arrays", folder=folder)
    yield Amount(unit, images.train + images.test)


def pretrain(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Images that a training sees; code usage is counted as such images."""
    network, recipe, usage = _measured(config, axes), settings.recipe, settings.code_usage
    count, kind = float(recipe.iterations * recipe.batch_size), recipe.method.kind
    if count and kind in CONDITIONAL:
        held = network.images.validation or network.images.train
        measured = min(usage.times, recipe.iterations) * len(usage.t)
        count += CODE_USAGE_SHARE * measured * min(usage.images, held)
    method, parts = ALIKE.get(kind, kind), ("encoder", "score", "decoder")
    words = [f"training {method}", network.sized(*parts), f"batch {recipe.batch_size}"]
    words += ["augmented"] * bool(recipe.augmentation) + ["encoder frozen"] * (recipe.freeze == "encoder")
    same = recipe.model_dump(mode="json", include={"batch_size", "augmentation", "freeze", "horizontal_flip"})
    same |= {name: light(getattr(recipe, name)) for name in parts} | {"method": method}
    yield Amount(network.unit("train", ", ".join(words), same), count)


def _probe_count(protocol: Any, labels: int, tests: int, validation: int = 0) -> float:
    """Return the steps of a probe's training and its evaluations, for each learning rate.

    Evaluations count as steps too, because a forward pass is a third of a step. `tests` and `validation` are numbers of
    images. Validation images are also evaluated after each epoch if they choose it.
    """
    batch, epochs = min(protocol.batch_size, labels), protocol.epochs
    evaluated = tests + validation * (1 + epochs * (protocol.select == "best_val"))
    steps = epochs * (labels // batch) + evaluated / (3 * protocol.batch_size)
    return float(max(1, len(protocol.learning_rates)) * steps)


def probe(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Probes of every t and seed for each label budget, and probes of all t together."""
    network, protocol = _measured(config, axes), settings.probe
    images, budgets = network.images, protocol.label_budgets
    sets, seeds = len(protocol.t), len(protocol.seeds)
    held = images.validation if protocol.uses_validation else 0
    steps, wide = sum(_probe_count(protocol, labels, images.test, held) for labels in budgets), 0.0
    if protocol.trajectory:
        wide = _probe_count(protocol, budgets[-1], images.test, held)
        if not protocol.uses_validation:
            marked = round(budgets[-1] * images.validation / images.train)
            steps += _probe_count(protocol, max(1, budgets[-1] - marked), 0, marked)
    yield network.encode(sets * (images.train + images.test))
    yield network.probe_steps(protocol, sets, seeds, 1, steps)
    yield network.probe_steps(protocol, 1, seeds, sets, wide)


def few_shot(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Support vector machines for each number of labels."""
    network, protocol = _measured(config, axes), settings.few_shot
    images, features = network.images, code_size(network.recipe)
    times = len(protocol.t) if sees_time(network.recipe) else 1
    tests = images.test + (images.validation if protocol.validation else 0)
    yield network.encode(times * (tests + sum(protocol.labels)))
    for labels in protocol.labels:
        spec = {"labels": labels, "tests": tests, "features": features, "classes": images.classes}
        yield Amount(WorkUnit.of("svm", f"machines of {labels} labels", **spec), times)


def learning_speed(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Probes of every snapshot, on the codes of labelled images and of those on which they are measured."""
    network, protocol = _measured(config, axes), settings.probe
    images, times, labels = network.images, len(protocol.t), protocol.label_budgets[-1]
    measured = images.validation if settings.split == "val" else images.test
    kept = min(config.studies.learning_speed.snapshots, network.recipe.iterations) + 1
    yield network.encode(kept * times * (labels + measured))
    yield network.probe_steps(protocol, times, 1, 1, kept * _probe_count(protocol, labels, measured))


def silhouettes(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """The codes of every model, and a silhouette of those of test images and one of those of validation images."""
    for recipe, _ in settings.models:
        network = Network(config, axes["dataset"], recipe)
        parts = [count for count in (network.images.test, network.images.validation) if count]
        yield network.encode(sum(parts))
        for count in parts:
            yield network.silhouette(codes=count)


def code_view(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Codes of test images at every t, and their silhouettes."""
    network, times = _measured(config, axes), len(settings.code_view.t)
    images = min(network.images.test, settings.code_view.images)
    yield network.encode(times * images)
    yield network.silhouette(times, images)


def latent_grid(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Codes of the test images, and a chain for each cell of the square."""
    network = _measured(config, axes)
    yield network.encode(network.images.test)
    yield network.chains(1.0, times=settings.latent_grid.cells**2)
    yield network.silhouette()


def code_swap(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Evaluations of the ODE solver."""
    yield _measured(config, axes).evaluate(ODE_EVALUATIONS * settings.code_swap.classes**2)


def one_code(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """A chain for each sample."""
    yield _measured(config, axes).chains(1.0, times=settings.one_code.columns**2)


def later_start(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """A chain for each image of each cell."""
    cells = settings.later_start
    yield _measured(config, axes).chains(*cells.t_init, times=cells.images * cells.repeats * len(cells.priors))


def fid(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Features of training images and samples, and a distance for each cell."""
    cells, features = settings.cells, INCEPTION_FEATURES
    sets = len(cells.t_init) * len(cells.priors) * cells.repeats
    images = float(config.datasets[str(axes["dataset"])].train + sets * settings.images)
    if settings.fid.recipe is not None:
        network = Network(config, axes["dataset"], settings.fid.recipe)
        features = code_size(network.recipe)
        yield network.encode(images)
    else:
        yield Amount(WorkUnit.of("inception", "Inception at 299 pixels"), images)
    unit = WorkUnit.of("frechet", f"Fréchet distance of {features} features", features, features=features)
    yield Amount(unit, sets)


def theory(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Steps of the three trainings; expectations are counted as such steps."""
    study = settings.theory.slice()
    size = {name: study[name] for name in ("mixture", "network", "code_size", "batch_size")}
    # Both expectations over draws need only forward passes, a third of a step; the first uses two of the networks.
    draws = len(study["t"]) * study["draws"] / (3 * study["batch_size"])
    for name, passes in {"unconditional": 2, "drl": 1, "ae": 0}.items():
        spec = {"recipe": name, "theory": settings.theory}
        unit = WorkUnit.of("theory", f"theory, steps of {name}", name, size, **spec)
        yield Amount(unit, study["steps"] + passes * draws)


def fine_tune(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """Steps of the classifier, updates of the pseudo-labels, and the passes that they need."""
    study, arm = config.studies.fine_tune, settings.arm
    network = Network(config, axes["dataset"], study.network_of)
    images, held = network.images, network.images.validation if study.select == "best_val" else 0
    known = images.train - held
    schedule = Schedule.of(settings.labels, known, settings.fine_tune)
    epochs = schedule.epochs if arm.until == "end" else study.early_epoch
    tries = len(study.search) if arm.t_init == "search" else 1
    supervised, semi = schedule.supervised_epochs, max(0, epochs - schedule.supervised_epochs)
    steps = tries * supervised * schedule.steps(0) + semi * schedule.semi_steps
    what = [light(network.recipe.encoder), study.batch_size, study.versions]
    unit = network.unit("fine_tune", f"fine-tuning, {network.sized('encoder')}", what, settings=settings)
    yield Amount(unit, float(steps * study.batch_size * study.versions))
    yield network.encode(semi * known + (tries * supervised + semi) * (images.test + held))
    spec = {"images": known, "classes": images.classes, "features": code_size(network.recipe)}
    spec |= {"k": study.neighbours, "iterations": study.solver_iterations}
    title = f"pseudo-labels of {known:,} images, {images.classes} classes"
    yield Amount(WorkUnit.of("pseudo_labels", title, **spec), semi)


def draw(config: Config, settings: Any, axes: Axes) -> Iterator[Amount]:
    """One drawing."""
    yield Amount(WorkUnit.of("draw", "drawing"), 1)
