"""The folder of a model, as `drl export` and `drl pretrain` write it. Needs no torch, so that options can ask it."""

from __future__ import annotations

import os
from pathlib import Path

from drl.errors import UserError
from drl.records.card import Card, read_card

MODEL, ENCODER = "model.safetensors", "encoder.safetensors"  # what `drl export` writes, with --encoder-only the second
TRAINING = "training.json"  # the run card of the training, in a folder of `drl export`
REMEDY = "give a model.safetensors of drl pretrain, or the folder of drl export"


def model_in(path: Path, *, complete: bool = False) -> Path:
    """Return a model's file: the path itself, or what a folder with a model holds.

    Args:
        path: A file, or a folder that `drl export` or `drl pretrain` wrote.
        complete: Whether an encoder alone is not enough.

    Raises:
        UserError: If the folder holds no model, or only an encoder where that is not enough.
    """
    # os.path's functions take names that no file can have, which are complained about later.
    if not os.path.isdir(path):
        return path
    if os.path.isfile(path / MODEL):
        return path / MODEL
    if not os.path.isfile(path / ENCODER):
        raise UserError(f"{path}: the folder has no {MODEL} or {ENCODER}; {REMEDY}")
    if complete:
        raise UserError(f"{path}: holds only an encoder, which is enough for codes alone; give a complete model")
    return path / ENCODER


def exported(model: Path) -> Card | None:
    """Return the run card of the export that wrote a model; None if `drl export` did not write it."""
    try:
        card = read_card(Path(f"{model}.json"))
    except UserError:
        return None
    return card if card.command == "export" else None


def training_card(model: Path) -> Path:
    """Return the path of the run card of a model's training, which an export keeps under a name of its own."""
    return Path(f"{model}.json") if exported(model) is None else model.with_name(TRAINING)
