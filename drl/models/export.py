"""`drl export`: write a model's weights into a new folder, with a model card that describes them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from drl import __version__
from drl.errors import UserError
from drl.files import sha256
from drl.models.encoder_file import read_encoder, save_encoder
from drl.models.model_card import Weights, model_card
from drl.models.model_facts import ModelFacts
from drl.models.model_file import ModelHeader, header, save_used
from drl.records.inputs import check_inputs
from drl.records.model_folder import ENCODER, MODEL, TRAINING, exported, training_card
from drl.records.run_card import write_card

CARD, CONFIG = "README.md", "config.json"  # names that model hubs know


Kept = Literal["all", "used", "encoder"]


def export(model: Path, out: Path, kept: Kept = "all", metrics: Sequence[Path] = ()) -> Path:
    """Write a folder as model hubs take it: weights, README.md (the model card), config.json (settings), and run cards.

    The folder is written under a temporary name beside `out` and then renamed, so that it is always complete.

    Args:
        model: A model.safetensors that drl pretrain wrote, or an export of all its weights.
        out: A folder that does not exist or is empty.
        kept: `all` weights; those that are `used` for codes and samples, which are half of them; or only the network
            that makes the codes, as encoder.safetensors, with the weights that codes are computed with.
        metrics: CSV files of drl probe for this model; if empty, the file at its usual place in the model's results, if
            any.

    Returns:
        The file of the weights.

    Raises:
        UserError: If the model is missing, damaged, different from its run card, or lacks the encoder that was
            requested; if the folder is not empty; or if metrics are of another model.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists and is not empty; give a new folder")
    earlier = exported(model)
    if earlier is not None and earlier.settings.get("kept") != "all":
        raise UserError(f"{model}: an export without all weights, which cannot be exported again; give the whole model")
    found, source = header(model), check_inputs([model])[model]
    if kept == "encoder" and found.recipe.method.codes_by is None:
        raise UserError(f"{model}: has no encoder; leave --encoder-only out")
    facts = ModelFacts.read(model, metrics)
    out = Path(os.path.abspath(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    # The folder in it has the permissions of a new one, which mkdtemp's has not.
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", suffix=".part", dir=out.parent) as place:
        folder = Path(place, out.name)
        folder.mkdir()
        weights = folder / (ENCODER if kept == "encoder" else MODEL)
        if kept == "encoder":
            save_encoder(weights, *read_encoder(model))
        elif kept == "used":
            save_used(weights, model)
        else:
            shutil.copyfile(model, weights)
        described = Weights(weights.name, weights.stat().st_size, sha256(weights), kept)
        (folder / CARD).write_text(model_card(facts, described), encoding="utf-8")
        (folder / CONFIG).write_text(_config(found), encoding="utf-8")
        outputs = [weights, folder / CARD, folder / CONFIG]
        if (training := training_card(model)).is_file():
            outputs.append(folder / TRAINING)
            shutil.copyfile(training, outputs[-1])
        write_card("export", outputs, {"kept": kept}, "", model_sha256=source, **vars(found.about))
        os.replace(folder, out)
    return out / weights.name


def _config(found: ModelHeader) -> str:
    """Return what the weights' header says as JSON, for readers who do not open them; `drl` reads only the header."""
    said = {"library_name": "drl", "library_version": __version__, "model_type": found.recipe.method.kind}
    return json.dumps(said | json.loads(found.json()), indent=2, ensure_ascii=False) + "\n"
