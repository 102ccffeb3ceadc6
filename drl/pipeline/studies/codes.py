"""Studies that read a model's codes: probes, few-shot fits, learning speed, silhouettes, a view of the codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drl.config.jobs import CodeViewJob, FewShotJob, LearningSpeedJob, ProbeJob, SilhouettesJob
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.pipeline.checks import few_shot_fits, learning_speed_fits, probes_fit
from drl.pipeline.label_budgets import budgets, few_shot_labels, item_budget
from drl.pipeline.step import Axes, Inputs
from drl.pipeline.studies.training import PRETRAIN, dataset_known, images, label_list, method_module
from drl.pipeline.study import Study


def reads_a_model(settings: Any, axes: Axes) -> Inputs:
    """Return the inputs of a study of one model: the model, and its images."""
    return {"model": [PRETRAIN.at(**axes).file()], **images(axes["dataset"])}


def module_of_method(settings: Any) -> tuple[str, ...]:
    """Return the module of the method that made the codes, because its code affects the result."""
    return method_module(settings.method)


def needs_codes(recipe: Recipe) -> str | None:
    """Refuse recipes without codes."""
    return "has no encoder, and {item} is about codes" if recipe.method.codes_by is None else None


def method_of(config: Config, dataset: str, recipe: str) -> str:
    """Return the method of a recipe on a dataset, both checked."""
    return resolve_recipe(config, recipe, dataset_known(config, dataset)).method.kind


def dae_input(config: Config, method: str) -> dict[str, str]:
    """Return the input of DAE's encoder; empty for other methods, which encode clean images."""
    return {"dae_input": config.studies.probe.dae_input} if method == "dae" else {}


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelStudy(Study):
    """A study of one model: by default it needs codes, and reads the model and the images."""

    axes: tuple[str, ...] = ("dataset", "recipe", "seed")
    inputs: Callable[[Any, Axes], Inputs] = reads_a_model
    reads: tuple[str, ...] = ("model", "images")
    modules: Callable[[Any], tuple[str, ...]] = module_of_method
    refuses: Callable[[Recipe], str | None] = needs_codes


def _probe(config: Config, dataset: str, recipe: str) -> ProbeJob:
    method = method_of(config, dataset, recipe)
    section = config.studies.probe.model_dump(exclude={"label_budgets", "dae_input"})
    section |= {"label_budgets": budgets(config, dataset), **dae_input(config, method)}
    return ProbeJob.model_validate({"method": method, "probe": section, **label_list(config, dataset)})


def _probe_item(config: Config, item: str) -> dict[str, Any]:
    about = config.items[item]
    return {
        "budgets": {name: item_budget(config, item, name) for name in config.item_datasets(item)},
        "trajectory": config.studies.probe.trajectory and about.trajectory,
    }


PROBE = ModelStudy(
    name="probe",
    help="Measure how well a small network predicts the class from a model's frozen codes, for each t.",
    settings=_probe,
    beside=(".right.safetensors",),
    item_settings=_probe_item,
    check_dataset=probes_fit,
)


def _few_shot(config: Config, dataset: str, recipe: str) -> FewShotJob:
    """Return the settings. If an item chooses a sweep's member, all recipes leave validation images unlabelled."""
    method = method_of(config, dataset, recipe)
    section = config.studies.few_shot.model_dump() | {
        "validation": config.few_shot_validates,
        "labels": few_shot_labels(config, dataset),
        **dae_input(config, method),
    }
    return FewShotJob.model_validate({"method": method, "few_shot": section, **label_list(config, dataset)})


def _few_shot_item(config: Config, item: str) -> dict[str, Any]:
    if config.dataset is not None:
        few_shot_fits(config, config.dataset)
    return {
        "labels": config.studies.few_shot.labels,
        "choices": {name: config.members(name) for name in config.items[item].recipes},
    }


FEW_SHOT = ModelStudy(
    name="few_shot",
    help="Measure how well a support vector machine predicts the class from codes of a few images, for each t.",
    settings=_few_shot,
    beside=(".right.safetensors",),
    item_settings=_few_shot_item,
    chooses=True,
)


def _learning_speed(config: Config, dataset: str, recipe: str) -> LearningSpeedJob:
    """Return the probe's protocol with one seed, on all training images except validation images."""
    method, known = method_of(config, dataset, recipe), config.datasets[dataset]
    learning_speed_fits(config, dataset)
    most = known.train - known.validation
    section = config.studies.probe.model_dump(exclude={"dae_input"}) | {
        "t": config.studies.learning_speed.t,
        "label_budgets": [min(config.studies.learning_speed.labels or most, most)],
        "seeds": config.studies.probe.seeds[:1],
        **{"select": "last", "learning_rates": (), "trajectory": False, "validation": False},
        **dae_input(config, method),
    }
    return LearningSpeedJob.model_validate({"method": method, "probe": section})


def _learning_speed_inputs(settings: LearningSpeedJob, axes: Axes) -> Inputs:
    return {"snapshots": [PRETRAIN.at(**axes).file("snapshots.safetensors")], **images(axes["dataset"])}


def _learning_speed_item(config: Config, item: str) -> dict[str, Any]:
    return {"accuracy": config.studies.learning_speed.accuracy, "pairs": config.studies.learning_speed.pairs}


LEARNING_SPEED = ModelStudy(
    name="learning_speed",
    help="Probe the snapshots that a training kept of its encoder.",
    settings=_learning_speed,
    inputs=_learning_speed_inputs,
    reads=("snapshots", "images"),
    sections=("learning_speed", "probe"),
    item_settings=_learning_speed_item,
)


def _silhouettes(config: Config, dataset: str) -> SilhouettesJob:
    """Return the models of all items about silhouettes on a dataset; one job reads all of them."""
    dataset_known(config, dataset)
    items = [name for name, item in config.items.items() if item.study == "silhouettes"]
    items = [name for name in items if dataset in config.item_datasets(name)] or items
    models = dict.fromkeys(
        (recipe, seed) for name in items for recipe in config.item_models(name) for seed in config.item_seeds(name)
    )
    kinds = {resolve_recipe(config, recipe, dataset).method.kind for recipe, _ in models}
    return SilhouettesJob(methods=tuple(sorted(kinds)), models=tuple(models))


def _silhouettes_inputs(settings: SilhouettesJob, axes: Axes) -> Inputs:
    jobs = [PRETRAIN.at(dataset=axes["dataset"], recipe=recipe, seed=seed) for recipe, seed in settings.models]
    return {"models": [job.file() for job in jobs], **images(axes["dataset"])}


def _silhouettes_item(config: Config, item: str) -> dict[str, Any]:
    return {"members": {name: config.members(name) for name in config.items[item].recipes}}


def _single_t(recipe: Recipe) -> str | None:
    if recipe.times.kind != "single":
        return "is not trained at a single t; give recipes with times: single"
    return needs_codes(recipe)


SILHOUETTES = Study(
    name="silhouettes",
    help="Measure how well classes are separated in the codes of models trained at a single t each (Figure 12).",
    axes=("dataset",),
    settings=_silhouettes,
    inputs=_silhouettes_inputs,
    reads=("models", "images"),
    modules=lambda settings: tuple(module for kind in settings.methods for module in method_module(kind)),
    item_settings=_silhouettes_item,
    refuses=_single_t,
    chooses=True,
)


def _code_view(config: Config, dataset: str, recipe: str) -> CodeViewJob:
    method = method_of(config, dataset, recipe)
    section = {"t": config.studies.probe.t, "images": config.studies.study.test_images, **dae_input(config, method)}
    return CodeViewJob.model_validate({"method": method, "code_view": section})


def _code_view_inputs(settings: CodeViewJob, axes: Axes) -> Inputs:
    # The probes give the t that was chosen on validation images.
    return {**reads_a_model(settings, axes), "probes": [PROBE.at(**axes).file()]}


CODE_VIEW = ModelStudy(
    name="code_view",
    help="Measure silhouettes of a model's codes over t, and reduce the codes to two dimensions.",
    settings=_code_view,
    beside=(".codes.csv",),
    inputs=_code_view_inputs,
    reads=("model", "images", "probes"),
    sections=("study",),
    pictures=(".codes.csv",),
    claimed=False,
)
CODES = (PROBE, FEW_SHOT, LEARNING_SPEED, SILHOUETTES, CODE_VIEW)
