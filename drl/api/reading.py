"""Read a model file, and the settings of its samples, for `drl.load`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drl.config.resolve import recipe as resolve_recipe
from drl.config.sampling import SamplerSettings
from drl.config.schema import SCALES
from drl.errors import UserError, complaint
from drl.methods.base import Method
from drl.models.encoder_file import KEY, load_encoder, read_encoder
from drl.models.model_file import ModelHeader, header, load_model
from drl.models.weights_file import open_weights
from drl.pipeline.configuration import resolve
from drl.records.inputs import check_inputs
from drl.records.model_folder import REMEDY


def read_model(path: Path) -> tuple[ModelHeader, Method, bool]:
    """Return a model's header, the model on the CPU, and whether it is complete: an encoder file has only codes.

    Raises:
        UserError: If it is missing, damaged, or was changed after it was made.
    """
    check_inputs([path])
    with open_weights(path, f"there is no such model; {REMEDY}", REMEDY) as file:
        complete = file.said(KEY) is None
    if complete:
        return header(path), load_model(path), True
    return read_encoder(path)[0], load_encoder(path), False


def sampler_settings(path: Path, found: ModelHeader, changes: Mapping[str, Any] | None) -> SamplerSettings:
    """Return how samples of a model are drawn: as its recipe in config/ says, with changes.

    Training does not depend on these settings, so a model file does not contain them.

    Raises:
        UserError: If a change is not a setting, or the recipe is not in config/ and there are no changes.
    """
    known = _of_recipe(found)
    if known is None and changes is None:
        raise UserError(
            f"{path}: its recipe {found.about.recipe!r} is not one of this version's, so it is not known how its "
            "samples are drawn; say it, such as sampler={'steps': 1000}"
        )
    try:
        return SamplerSettings.model_validate({**(known or SamplerSettings()).slice(), **(changes or {})})
    except ValidationError as error:
        raise UserError(f"sampler: {complaint(error)}") from error


def _of_recipe(found: ModelHeader) -> SamplerSettings | None:
    about = found.about
    if about.scale not in SCALES:
        return None
    config = resolve(about.scale)
    dataset = about.dataset if about.dataset in config.datasets else None
    try:
        return resolve_recipe(config, about.recipe, dataset).sampler
    except UserError:
        return None
