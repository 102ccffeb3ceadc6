"""What a job gets of the configuration. A change in a slice, and nothing else in the configuration, reruns the job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.config.theory import DATASET as MIXTURE
from drl.config.theory import RECIPES as MIXTURE_RECIPES
from drl.errors import UserError, nearest
from drl.files import fingerprint, sha256
from drl.pipeline.arm_checks import fine_tuning_fits, networks_fit
from drl.pipeline.checks import few_shot_fits, item_fits, learning_speed_fits, own_study_fits
from drl.pipeline.items import ITEMS
from drl.pipeline.own_study import PARTS, shown

# Studies that no claim rests on; of the others, what says which of their numbers an item shows.
WITHOUT_CLAIMS = ("later_start", "learning_speed", "pretrain")
CHOOSING = ("number", "datasets", "recipes", "members", "choices", "budgets", "labels", "arms", "reading", "beyond")
PAPER_VALUES = Path(__file__).resolve().parents[2] / "config" / "paper_values.csv"


def dataset_known(config: Config, dataset: str) -> str:
    """Return the name, after checking it.

    Raises:
        UserError: If there is no such dataset.
    """
    if dataset not in config.datasets:
        raise UserError(f"unknown dataset {dataset!r}; {nearest(dataset, config.datasets)}")
    return dataset


def prepare(config: Config, dataset: str) -> dict[str, Any]:
    """Settings of `drl prepare`: the dataset's section without its display name and without where its files lie.

    An image_folder is known by its folder alone, so there the folder stays.
    """
    section = config.datasets[dataset_known(config, dataset)].slice()
    elsewhere = ["title", "label_list", "download", "smallest_class"] + ["folder"] * (
        section["source"] != "image_folder"
    )
    elsewhere += ["contents"] * (section["contents"] is None)
    return {"dataset": {key: value for key, value in section.items() if key not in elsewhere}}


def origins(config: Config) -> dict[str, dict[str, Any]]:
    """Where each dataset's files lie and whether they may be downloaded: handed to jobs outside their settings."""
    return {name: {"folder": known.folder, "download": known.download} for name, known in config.datasets.items()}


def pretrain(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl pretrain`: the resolved recipe, when code usage is measured and how many snapshots are kept."""
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    lists = {} if resolved.train_images is None else _label_list(config, dataset)
    return {
        **lists,
        "recipe": resolved.slice(),
        "code_usage": config.studies.code_usage.slice(),
        "snapshots": config.studies.learning_speed.snapshots,
    }


def starts_from(config: Config, dataset: str, recipe: str) -> str | None:
    """Return the recipe, or the model file, from whose weights a recipe starts; None: from fresh ones."""
    return resolve_recipe(config, recipe, dataset_known(config, dataset)).start_from


def probe(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl probe`, with `all` in the label budgets resolved to the number of training images."""
    section = config.studies.probe.slice()
    section["label_budgets"] = budgets(config, dataset_known(config, dataset))
    # The method's file makes the codes, so it belongs to the code that decides the result.
    method = resolve_recipe(config, recipe, dataset).method.kind
    section.pop("dae_input")
    section |= _dae_input(config, method)
    return {"method": method, "probe": section, **_label_list(config, dataset)}


def few_shot(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl few-shot`; where a sweep is to be decided, labels are left to validation for all recipes."""
    method = resolve_recipe(config, recipe, dataset_known(config, dataset)).method.kind
    section = config.studies.few_shot.slice() | {"validation": config.few_shot_validates}
    section["labels"] = few_shot_labels(config, dataset)
    section |= _dae_input(config, method)
    return {"method": method, "few_shot": section, **_label_list(config, dataset)}


def learning_speed(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl learning-speed`: the probe's protocol with one seed, on all training images but validation."""
    settings = config.datasets[dataset_known(config, dataset)]
    learning_speed_fits(config, dataset)
    section = config.studies.probe.slice()
    for key in ("t", "trajectory", "select", "learning_rates", "dae_input"):
        section.pop(key)
    section |= {"label_budgets": [settings.train - settings.validation], "seeds": section["seeds"][:1]}
    method = resolve_recipe(config, recipe, dataset).method.kind
    section |= _dae_input(config, method)
    return {"method": method, "probe": section, "t": list(config.studies.learning_speed.t)}


def sampler(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """How samples of a recipe are drawn."""
    return resolve_recipe(config, recipe, dataset_known(config, dataset)).sampler.slice()


def _generation(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    return {"method": resolved.method.kind, "sampler": resolved.sampler.slice()}


def latent_grid(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl latent-grid`."""
    shared, section = _generation(config, dataset, recipe), config.studies.latent_grid.slice()
    extents = section.pop("extent")
    if shared["method"] not in extents:
        raise UserError(
            f"config: studies.latent_grid.extent: says nothing of method {shared['method']!r}, which recipe {recipe!r} "
            "has; give half the side of its square"
        )
    return {**shared, "latent_grid": section | {"extent": extents[shared["method"]]}}


def one_code(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl one-code`."""
    return {**_generation(config, dataset, recipe), "one_code": config.studies.one_code.slice()}


def code_swap(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl code-swap`."""
    section = config.studies.code_swap.slice()
    classes = config.datasets[dataset_known(config, dataset)].classes
    if section["t"] <= (_generation(config, dataset, recipe)["sampler"]["epsilon"] or 1e-3):
        raise UserError(f"config: studies.code_swap.t: {section['t']} leaves nothing to denoise; use a larger t")
    if section["classes"] > classes:
        raise UserError(
            f"config: studies.code_swap.classes: {section['classes']} are more than dataset {dataset!r} has; "
            f"use at most {classes}"
        )
    shared = _generation(config, dataset, recipe)
    # The solver chooses its own steps; the grid says where it ends.
    shared["sampler"] = {key: shared["sampler"][key] for key in ("steps", "epsilon")}
    return {**shared, "code_swap": section}


def later_start(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl later-start`."""
    section = config.studies.later_start.slice()
    section.pop("shown")
    return {**_generation(config, dataset, recipe), "later_start": section}


def silhouettes(config: Config, dataset: str) -> dict[str, Any]:
    """Settings of `drl silhouettes`: the methods whose codes it reads."""
    names = config.item_models("figure_12")
    kinds = {resolve_recipe(config, name, dataset_known(config, dataset)).method.kind for name in names}
    return {"methods": sorted(kinds)}


def fid(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl fid`."""
    dataset_known(config, dataset)
    section: dict[str, Any] = config.studies.fid.slice()
    if section["extractor"] == "inception":
        weights = config.run.inception_weights
        section["recipe"] = None
        section["weights_sha256"] = None if weights is None else _sha256_of_weights(Path(weights))
    cells = config.studies.later_start
    return {
        "fid": section,
        "cells": {"t_init": list(cells.t_init), "priors": list(cells.priors), "repeats": cells.repeats},
        "images": cells.images,
    }


def theory(config: Config) -> dict[str, Any]:
    """Settings of `drl theory`."""
    return {"theory": config.studies.theory.slice()}


def fine_tune(config: Config, dataset: str, arm: str, labels: int) -> dict[str, Any]:
    """Settings of `drl fine-tune`: the arm, the protocol, and the network that is trained."""
    if arm not in config.arms:
        raise UserError(f"unknown arm {arm!r}; {nearest(arm, config.arms)}")
    fine_tuning_fits(config, dataset_known(config, dataset), labels)
    study, images = config.studies.fine_tune, config.datasets[dataset]
    section = study.slice() | {"padding": study.crop_padding(images.image_size)}
    for key in ("network_of", "labels", "splits"):
        section.pop(key)
    chosen = config.arms[arm].slice()
    chosen.pop("label")
    if chosen["t_init"] != "search":
        section.pop("search")
    if chosen["until"] == "end":
        section.pop("early_epoch")
    like = resolve_recipe(config, study.network_of, dataset)
    networks_fit(config, resolve_recipe, arm, dataset)
    assert like.encoder is not None  # checked in the line above
    network = {"encoder": like.encoder.slice(), "pixels": like.pixels, "centre_inputs": like.centre_inputs}
    return {"arm": chosen, "labels": labels, "fine_tune": section, "network": network, **_label_list(config, dataset)}


def _dae_input(config: Config, method: str) -> dict[str, str]:
    return {"dae_input": config.studies.probe.dae_input} if method == "dae" else {}


def _label_list(config: Config, dataset: str) -> dict[str, str | None]:
    lists = config.datasets[dataset].label_list
    return {"label_list": lists, "label_list_sha256": None if lists is None else _sha256_of_lists(Path(lists))}


def budgets(config: Config, dataset: str) -> list[int]:
    """Label budgets of a dataset, `all` resolved to the number of training images that probes may use.

    Those that the dataset does not allow are left out; if none is left, it is the most that it allows.
    """
    protocol, settings = config.studies.probe, config.datasets[dataset]
    available = settings.train - (settings.validation if protocol.uses_validation else 0)
    most = settings.labelled_at_most(protocol.uses_validation)
    wanted = [
        available if budget == "all" else budget
        for budget in protocol.label_budgets
        if budget == "all" or settings.classes <= budget <= most
    ]
    return wanted or [most]


def few_shot_labels(config: Config, dataset: str) -> list[int]:
    """Numbers of labels of few-shot fits on a dataset; in a folder given as `dataset`, at most as many as it allows.

    Raises:
        UserError: If a configured dataset does not allow one of them.
    """
    settings, labels = config.datasets[dataset], config.studies.few_shot.labels
    if settings.contents is None:
        few_shot_fits(config, dataset)
        return list(labels)
    most = settings.labelled_at_most(config.few_shot_validates)
    return list(dict.fromkeys(max(settings.classes, min(wanted, most)) for wanted in labels))


def code_view(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    """Settings of `drl code-view`: at which t codes are read, as probes read them, and of how many images."""
    method = resolve_recipe(config, recipe, dataset_known(config, dataset)).method.kind
    section = {"t": list(config.studies.probe.t), "images": config.studies.study.test_images}
    return {"method": method, "code_view": section | _dae_input(config, method)}


def study(config: Config, dataset: str, part: str) -> dict[str, Any]:
    """Settings of `drl study`: who draws a part, and names in the order of lines, panels or rows.

    Raises:
        UserError: If the dataset is not known, or does not allow a study.
    """
    own_study_fits(config, dataset_known(config, dataset), resolve_recipe)
    title = config.datasets[dataset].title
    settings: dict[str, Any] = {
        "drawn_by": PARTS[part].drawn_by,
        "scale": config.scale,
        "datasets": [[dataset, shown(title) if PARTS[part].kind == "figure" else title]],
        "recipes": [[name, resolve_recipe(config, name, dataset).label] for name in config.studies.study.recipes],
    }
    if part == "probe_curve":
        settings |= {"budgets": {dataset: budgets(config, dataset)[-1]}, "trajectory": True}
    if part == "few_shot":
        settings |= {"labels": few_shot_labels(config, dataset), "t": list(config.studies.few_shot.t)}
    return settings


def _sha256_of_weights(file: Path) -> str:
    """Digest a file of weights, so that another one measures again."""
    if not file.is_file():
        raise UserError(f"config: run.inception_weights: there is no {file}; give the file, or unset it to download it")
    return sha256(file)


def _sha256_of_lists(folder: Path) -> str:
    """Digest all label lists of a folder, so that an edited list reruns what read it."""
    files = sorted(folder.glob("*_balanced_labels/*.txt"))
    if not files:
        raise UserError(f"config: label_list: {folder} holds no <n>_balanced_labels/<split>.txt; give their folder")
    return fingerprint([[path.relative_to(folder).as_posix(), sha256(path)] for path in files])


def figure(config: Config, item: str) -> dict[str, Any]:
    """Settings of `drl figure`: who draws it, and names and budgets in the order of panels and lines."""
    if config.dataset is not None:
        item_fits(config, item, resolve_recipe)
    datasets, recipes = config.item_datasets(item), config.items[item].recipes
    settings: dict[str, Any] = {
        "drawn_by": ITEMS[item].drawn_by,
        "scale": config.scale,
        # Lists, not mappings: the order of panels and lines must survive JSON with sorted keys.
        "datasets": [[name, config.datasets[name].title] for name in datasets],
        "recipes": [
            [shown, resolve_recipe(config, config.members(name)[0]).label]
            for name in recipes
            # Figure 7 shows every member of a sweep; other figures one of them, or all in one line.
            for shown in (config.members(name) if ITEMS[item].study == "one_code" else [name])
        ],
    }
    if ITEMS[item].study == "fine_tune":
        return settings | _fine_tuning_item(config, item)
    if ITEMS[item].study == "theory":
        return settings | {"datasets": [list(MIXTURE)], "recipes": [list(pair) for pair in MIXTURE_RECIPES]}
    budget = config.items[item].budget
    if budget is not None:
        # `all` is the last of a dataset's budgets.
        settings["budgets"] = {name: budgets(config, name)[-1] if budget == "all" else budget for name in datasets}
        settings["trajectory"] = config.studies.probe.trajectory and ITEMS[item].trajectory
    if ITEMS[item].study == "few_shot":
        settings["labels"] = list(config.studies.few_shot.labels)
        for name in datasets if config.dataset is not None else ():
            few_shot_fits(config, name)
        settings["choices"] = {name: list(config.members(name)) for name in recipes}
    if ITEMS[item].study == "silhouettes":
        settings["members"] = {name: list(config.members(name)) for name in recipes}
    if ITEMS[item].study == "latent_grid":
        settings["extents"] = {
            name: latent_grid(config, datasets[0], name)["latent_grid"]["extent"] for name in recipes
        }
    if ITEMS[item].study in ("later_start", "fid"):
        cells = config.studies.later_start
        settings |= {"priors": list(cells.priors), "t_init": list(cells.t_init), "images": cells.images}
    if ITEMS[item].study == "later_start":
        settings["shown"] = config.studies.later_start.shown
    if ITEMS[item].study == "fid":
        settings |= {"extractor": config.studies.fid.extractor, "repeats": config.studies.later_start.repeats}
    if ITEMS[item].study == "learning_speed":
        speed = config.studies.learning_speed
        settings |= {"accuracy": speed.accuracy, "pairs": [list(pair) for pair in speed.pairs]}
    return settings


def _fine_tuning_item(config: Config, item: str) -> dict[str, Any]:
    """Settings of what shows fine-tunings: arms, labels, and where a table reads its runs."""
    study, about, names = config.studies.fine_tune, dict(ITEMS[item].settings), config.items[item].arms
    arms = {name: config.arms[name] for name in names}
    labels = [[name, list(config.item_labels(item, name))] for name in config.item_datasets(item)]
    if not about:
        about = {"arms": [[name, arm.label, arm.t_init, arm.weight_decay_on_t] for name, arm in arms.items()]}
        return about | {"labels": {name: budgets[0] for name, budgets in labels}}
    early = study.early_epoch if about.pop("early") else None
    return about | {
        "arms": [[name, arm.label, arm.model is None] for name, arm in arms.items()],
        "labels": labels,
        "reading": {"epoch": early, "select": study.select},
        "seeds": list(config.item_seeds(item)),
        "splits": sorted({split for seed in config.item_seeds(item) for split in config.splits(seed)}),
        "beyond": [row.slice() | {"label": config.arms[row.arm].label} for row in config.item_beyond(item)],
    }


def table(config: Config, item: str) -> dict[str, Any]:
    """Settings of `drl table`: who makes it, names in the order of rows, and which numbers the paper prints."""
    return figure(config, item) | {"published": sha256(PAPER_VALUES)}


def compare(config: Config) -> dict[str, Any]:
    """Settings of `drl compare`: which datasets the tables are of, and how far numbers may lie apart."""
    tables = [item for item in config.items if ITEMS[item].kind == "table"]
    return {
        "scale": config.scale,
        "datasets": {item: list(config.item_datasets(item)) for item in tables},
        "extractor": config.studies.fid.extractor,
        "images": config.studies.later_start.images,
        "published": sha256(PAPER_VALUES),
        **config.verdict.slice(),
    }


def claims(config: Config) -> dict[str, Any]:
    """Settings of `drl claims`: what chooses its numbers among those of each item, and how sure a claim must be."""
    items = {}
    for item in claimed(config):
        try:
            whole = (table if ITEMS[item].kind == "table" else figure)(config, item)
        except UserError:
            if config.dataset is None:
                raise
            continue  # an item that cannot be made of the one dataset that was asked for
        items[item] = {key: whole[key] for key in CHOOSING if key in whole}
    return {"scale": config.scale, "confidence": config.verdict.confidence, "items": items}


def claimed(config: Config) -> tuple[str, ...]:
    """Return the items whose measurements claims rest on."""
    return tuple(item for item in config.items if ITEMS[item].study not in WITHOUT_CLAIMS)
