"""Images and models: prepare, pretrain, fine-tune."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drl.config.datasets import READERS, ImageSettings
from drl.config.items import item_number
from drl.config.jobs import FineTuneJob, PrepareJob, PretrainJob
from drl.config.methods import stated
from drl.config.recipes import is_file
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError, nearest
from drl.files import fingerprint, sha256
from drl.pipeline.arm_checks import fine_tuning_fits, networks_fit
from drl.pipeline.own_images import unknown
from drl.pipeline.step import Axes, Inputs, ResultFile, Step
from drl.pipeline.study import Study


def dataset_known(config: Config, dataset: str) -> str:
    """Return the name, after checking it.

    Raises:
        UserError: If there is no such dataset.
    """
    if dataset not in config.datasets:
        raise UserError(unknown(dataset, config.datasets))
    return dataset


def label_list(config: Config, dataset: str) -> dict[str, str | None]:
    """Return the folder of a dataset's label lists and a digest of all lists, so that an edited list reruns its jobs.

    Raises:
        UserError: If the folder contains no lists.
    """
    lists = config.datasets[dataset].label_list
    if lists is None:
        return {}
    folder = Path(lists)
    files = sorted(folder.glob("*_balanced_labels/*.txt"))
    if not files:
        raise UserError(f"config: label_list: {folder} holds no <n>_balanced_labels/<split>.txt; give their folder")
    digest = fingerprint([[path.relative_to(folder).as_posix(), sha256(path)] for path in files])
    return {"label_list": lists, "label_list_sha256": digest}


def _prepare(config: Config, dataset: str) -> PrepareJob:
    """Return the dataset's section without keys that do not affect its images, such as the folder of original files.

    An image_folder keeps its folder, because nothing else identifies it.
    """
    known = config.datasets[dataset_known(config, dataset)]
    values = {name: getattr(known, name) for name in ImageSettings.model_fields}
    if known.source != "image_folder":
        values["folder"] = None
    return PrepareJob(dataset=ImageSettings(**values))


PREPARE = Step(
    name="prepare",
    help="Convert a dataset's images to the format that all other commands read.",
    module="drl.data.prepare",
    axes=("dataset",),
    settings=_prepare,
    output="data/{dataset}/images.safetensors",
    beside=("files.csv",),
    modules=lambda settings: (f"drl.data.sources.{READERS[settings.dataset.source]}",),
    minutes="prepare",
    gpu=False,
)


def images(dataset: str | int) -> dict[str, list[ResultFile]]:
    """Return the prepared images of a dataset, and the names of their files."""
    made = PREPARE.at(dataset=dataset)
    return {"images": [made.file()], "files": [made.file("files.csv")]}


def _pretrain(config: Config, dataset: str, recipe: str) -> PretrainJob:
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    return PretrainJob(
        recipe=resolved,
        code_usage=config.studies.code_usage,
        snapshots=config.studies.learning_speed.snapshots,
        **({} if resolved.train_images is None else label_list(config, dataset)),
    )


def _pretrain_inputs(settings: PretrainJob, axes: Axes) -> Inputs:
    found: dict[str, list[ResultFile]] = {"images": images(axes["dataset"])["images"]}
    before = settings.recipe.start_from
    if before is not None and is_file(before):
        found["start"] = [ResultFile(before, None)]
    elif before is not None:
        found["start"] = [PRETRAIN.at(**{**axes, "recipe": before}).file()]
    return found


def _pretrain_modules(settings: PretrainJob) -> tuple[str, ...]:
    augments = settings.recipe.augmentation is not None
    return method_module(settings.recipe.method.kind) + (("drl.data.augment.laplacenet",) if augments else ())


def method_module(kind: str) -> tuple[str, ...]:
    """Return the module of a method, which jobs import by name, and what its settings' class states of its codes."""
    return (f"drl.methods.{kind}", *stated(kind))


PRETRAIN = Study(
    name="pretrain",
    help="Train a recipe on a dataset. After an interruption, the same command continues with identical results.",
    module="drl.training.pretrain",
    axes=("dataset", "recipe", "seed"),
    settings=_pretrain,
    output="models/{dataset}/{recipe}/seed{seed}/model.safetensors",
    beside=("snapshots.safetensors", "loss.csv", "code_usage.csv"),
    inputs=_pretrain_inputs,
    reads=("images", "start"),
    modules=_pretrain_modules,
    minutes="resumable",
    sections=("code_usage",),
    shown="code_usage.csv",
)


def _fine_tune(config: Config, dataset: str, arm: str, labels: int) -> FineTuneJob:
    if arm not in config.arms:
        raise UserError(f"unknown arm {arm!r}; {nearest(arm, config.arms)}")
    fine_tuning_fits(config, dataset_known(config, dataset), labels)
    study = config.studies.fine_tune
    like = resolve_recipe(config, study.network_of, dataset)
    networks_fit(config, arm, dataset)
    chosen = config.arms[arm].model_dump(exclude={"label"})
    left_out = {"network_of", "labels", "splits"}
    left_out |= set() if chosen["t_init"] == "search" else {"search"}
    left_out |= set() if chosen["until"] == "early" else {"early_epoch"}
    protocol = study.model_dump(exclude=left_out)
    protocol["padding"] = study.crop_padding(config.datasets[dataset].image_size)
    network = {"encoder": like.encoder, "pixels": like.pixels, "centre_inputs": like.centre_inputs}
    values = {"arm": chosen, "labels": labels, "fine_tune": protocol, "network": network}
    return FineTuneJob.model_validate({**values, **label_list(config, dataset)})


def _fine_tune_inputs(settings: FineTuneJob, axes: Axes) -> Inputs:
    found = images(axes["dataset"])
    if settings.arm.model is not None:
        model = PRETRAIN.at(dataset=axes["dataset"], recipe=settings.arm.model, seed=axes["seed"])
        found["model"] = [model.file()]
    return found


def _fine_tunings(config: Config, item: str) -> Iterator[dict[str, str | int]]:
    """Yield the runs of an item, in the order of datasets, labels, arms, seeds, splits, then those beyond the paper."""
    cells = [
        (dataset, arm, labels)
        for dataset in config.item_datasets(item)
        for labels in config.item_labels(item, dataset)
        for arm in config.items[item].arms
    ]
    cells += [(row.dataset, row.arm, row.labels) for row in config.item_beyond(item)]
    for dataset, arm, labels in dict.fromkeys(cells):
        for seed in config.item_seeds(item):
            for split in config.splits(seed):
                yield {"dataset": dataset, "arm": arm, "labels": labels, "split": split, "seed": seed}


def _fine_tuning_item(config: Config, item: str) -> dict[str, Any]:
    """Return the settings of an item about fine-tunings: arms, labels, and the epoch at which runs are read."""
    study, names, form = config.studies.fine_tune, config.items[item].arms, config.items[item].table
    arms = {name: config.arms[name] for name in names}
    labels = [(name, config.item_labels(item, name)) for name in config.item_datasets(item)]
    if form is None:
        lines = [
            {"name": name, "label": arm.label, "t_init": arm.t_init, "weight_decay_on_t": arm.weight_decay_on_t}
            for name, arm in arms.items()
        ]
        return {"arms": lines, "labels": {name: budgets[0] for name, budgets in labels}}
    return {
        "number": item_number(item),
        "layout": form.layout,
        "difference": form.difference,
        "arms": [{"name": name, "label": arm.label, "baseline": arm.model is None} for name, arm in arms.items()],
        "labels": labels,
        "reading": {"epoch": study.early_epoch if form.early else None, "select": study.select},
        "seeds": config.item_seeds(item),
        "splits": sorted({split for seed in config.item_seeds(item) for split in config.splits(seed)}),
        "beyond": [{**row.model_dump(), "label": config.arms[row.arm].label} for row in config.item_beyond(item)],
    }


FINE_TUNE = Study(
    name="fine_tune",
    help="Train a classifier on few labels, from a pretrained encoder or from scratch (LaplaceNet; Tables 1 to 5).",
    module="drl.laplacenet.fine_tune",
    axes=("dataset", "arm", "labels", "split", "seed"),
    settings=_fine_tune,
    output="metrics/fine_tune/{dataset}/{arm}/labels{labels}_split{split}_seed{seed}.csv",
    beside=(".safetensors", ".right.safetensors"),
    inputs=_fine_tune_inputs,
    reads=("images", "model"),
    minutes="resumable",
    item_settings=_fine_tuning_item,
    item_axes=_fine_tunings,
)
