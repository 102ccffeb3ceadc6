"""Studies that draw samples from a model, and FID, which measures samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drl.config.jobs import CodeSwapJob, FidJob, LatentGridJob, LaterStartJob, OneCodeJob
from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.errors import UserError
from drl.files import sha256
from drl.pipeline.step import Axes, Inputs
from drl.pipeline.studies.codes import ModelStudy, needs_codes
from drl.pipeline.studies.training import PRETRAIN, dataset_known, images

SMALLEST_T = 1e-3  # the smallest t at which a code swap still has noise to remove


def _needs_score(recipe: Recipe) -> str | None:
    return "has no score network, and {item} shows samples" if recipe.score is None else None


def _needs_conditional_score(recipe: Recipe) -> str | None:
    """Refuse recipes without codes, and those whose score network is not given them."""
    if recipe.method.codes_by == "score":
        return "takes no codes, and {item} samples from codes"
    return needs_codes(recipe) or _needs_score(recipe)


def _needs_codes_and_score(recipe: Recipe) -> str | None:
    if recipe.method.kind == "cdae":
        return "predicts images, and {item} needs the score"
    return _needs_conditional_score(recipe)


def _needs_two_dimensions(recipe: Recipe) -> str | None:
    complaint = _needs_conditional_score(recipe)
    if complaint is None and recipe.encoder is not None and recipe.encoder.code_size != 2:
        return f"has codes of {recipe.encoder.code_size} entries, and {{item}} shows 2-d codes"
    return complaint


def _needs_no_encoder(recipe: Recipe) -> str | None:
    if recipe.encoder is not None:
        return "has an encoder, and {item} samples without codes"
    return _needs_score(recipe)


def _of_recipe(config: Config, dataset: str, recipe: str) -> dict[str, Any]:
    resolved = resolve_recipe(config, recipe, dataset_known(config, dataset))
    return {"method": resolved.method.kind, "sampler": resolved.sampler}


def _latent_grid(config: Config, dataset: str, recipe: str) -> LatentGridJob:
    shared, study = _of_recipe(config, dataset, recipe), config.studies.latent_grid
    if shared["method"] not in study.extent:
        raise UserError(
            f"config: studies.latent_grid.extent: says nothing about method {shared['method']!r}, which recipe "
            f"{recipe!r} has; give half the side of its square"
        )
    square = study.model_dump() | {"extent": study.extent[shared["method"]]}
    return LatentGridJob.model_validate({**shared, "latent_grid": square})


def _latent_grid_item(config: Config, item: str) -> dict[str, Any]:
    dataset, recipes = config.item_datasets(item)[0], config.items[item].recipes
    return {"extents": {name: _latent_grid(config, dataset, name).latent_grid.extent for name in recipes}}


LATENT_GRID = ModelStudy(
    name="latent_grid",
    help="Read the 2-d codes of the test images, and sample from codes over a square (Figures 2, 3).",
    settings=_latent_grid,
    beside=(".png", ".codes.csv"),
    minutes="resumable",
    item_settings=_latent_grid_item,
    pictures=(".png", ".codes.csv"),
    refuses=_needs_two_dimensions,
)


def _code_swap(config: Config, dataset: str, recipe: str) -> CodeSwapJob:
    shared, study = _of_recipe(config, dataset, recipe), config.studies.code_swap
    if study.t <= (shared["sampler"].epsilon or SMALLEST_T):
        raise UserError(f"config: studies.code_swap.t: {study.t} leaves nothing to denoise; use a larger t")
    classes = config.datasets[dataset].classes
    if study.classes > classes:
        raise UserError(
            f"config: studies.code_swap.classes: {study.classes} are more than dataset {dataset!r} has; "
            f"use at most {classes}"
        )
    grid = {"steps": shared["sampler"].steps, "epsilon": shared["sampler"].epsilon}
    return CodeSwapJob.model_validate({**shared, "sampler": grid, "code_swap": study})


CODE_SWAP = ModelStudy(
    name="code_swap",
    help="Denoise noisy images with other images' codes (Figure 6).",
    settings=_code_swap,
    beside=(".png",),
    minutes="resumable",
    pictures=(".png",),
    refuses=_needs_codes_and_score,
)


def _one_code(config: Config, dataset: str, recipe: str) -> OneCodeJob:
    return OneCodeJob(**_of_recipe(config, dataset, recipe), one_code=config.studies.one_code)


ONE_CODE = ModelStudy(
    name="one_code",
    help="Draw many samples from one code (Figure 7).",
    settings=_one_code,
    beside=(".png",),
    minutes="resumable",
    pictures=(".png",),
    refuses=_needs_codes_and_score,
    chooses=True,
)


def _later_start(config: Config, dataset: str, recipe: str) -> LaterStartJob:
    section = config.studies.later_start.model_dump(exclude={"shown"})
    return LaterStartJob.model_validate({**_of_recipe(config, dataset, recipe), "later_start": section})


def _later_start_item(config: Config, item: str) -> dict[str, Any]:
    cells = config.studies.later_start
    return {name: getattr(cells, name) for name in ("priors", "t_init", "images", "shown")}


LATER_START = ModelStudy(
    name="later_start",
    help="Draw samples whose chains begin at t_init < 1 (Figure 13, Table 6).",
    settings=_later_start,
    beside=(".safetensors",),
    minutes="resumable",
    item_settings=_later_start_item,
    pictures=(".safetensors",),
    refuses=_needs_no_encoder,
    claimed=False,
)


def _fid(config: Config, dataset: str, recipe: str) -> FidJob:
    dataset_known(config, dataset)
    study, cells = config.studies.fid, config.studies.later_start
    protocol: dict[str, Any] = {"extractor": study.extractor}
    if study.extractor == "supervised":
        protocol["recipe"] = study.recipe
    elif config.run.inception_weights is not None:
        protocol["weights_sha256"] = _sha256_of_weights(Path(config.run.inception_weights))
    shared = {"t_init": cells.t_init, "priors": cells.priors, "repeats": cells.repeats}
    return FidJob.model_validate({"fid": protocol, "cells": shared, "images": cells.images})


def _sha256_of_weights(file: Path) -> str:
    """Digest a file of weights, so that another file reruns the measurement."""
    if not file.is_file():
        raise UserError(f"config: run.inception_weights: there is no {file}; give the file, or unset it to download it")
    return sha256(file)


def _fid_inputs(settings: FidJob, axes: Axes) -> Inputs:
    drawn = LATER_START.at(**axes)
    found = {
        "samples": [drawn.file(".safetensors")],
        "numbers": [drawn.file()],
        "card": [drawn.file(".csv.json")],
        **images(axes["dataset"]),
    }
    if settings.fid.recipe is not None:
        found["extractor"] = [PRETRAIN.at(dataset=axes["dataset"], recipe=settings.fid.recipe, seed=0).file()]
    return found


def _fid_item(config: Config, item: str) -> dict[str, Any]:
    cells = config.studies.later_start
    shown = {name: getattr(cells, name) for name in ("priors", "t_init", "images", "repeats")}
    return {**shown, "extractor": config.studies.fid.extractor}


FID = ModelStudy(
    name="fid",
    help="Measure samples by the Fréchet distance of their features to the training images' (Table 6).",
    settings=_fid,
    inputs=_fid_inputs,
    reads=("samples", "images", "extractor"),
    modules=lambda settings: ("drl.methods.supervised",) if settings.fid.extractor == "supervised" else (),
    sections=("fid", "later_start"),
    item_settings=_fid_item,
    refuses=_needs_no_encoder,
)
SAMPLES = (LATENT_GRID, CODE_SWAP, ONE_CODE, LATER_START, FID)
