"""`drl convert`: convert a published checkpoint of score_sde_pytorch into a model file of this project."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from drl.config.recipes import Recipe
from drl.data.regular import check_not_special
from drl.errors import UserError, shown
from drl.methods.base import ImageFacts
from drl.methods.build import build_method
from drl.models.model_file import About, save_model
from drl.models.ncsnpp import NCSNpp
from drl.models.pickles import check_pickles
from drl.models.song_checkpoint import learnt_names, load_song, song_tensors
from drl.records.own_files import Writes, own_files
from drl.records.run_card import write_card


def convert(checkpoint: Path, out: Path, recipe: Recipe, facts: ImageFacts, about: About) -> None:
    """Write `out` (a model.safetensors) and its run card.

    Args:
        checkpoint: A .pth file with `model` and `ema`.
        out: The model file to write.
        recipe: The resolved recipe of the checkpoint's network, with method unconditional.
        facts: Size of the images that it was trained on.
        about: Scale, dataset, recipe and seed for the header.

    Raises:
        UserError: If the file is missing, is not such a checkpoint, or does not fit the recipe.
    """
    started = time.monotonic()
    if recipe.method.codes_by == "encoder":
        raise UserError("convert: Song's checkpoints have no encoder; give a recipe of method unconditional")
    check_not_special(checkpoint)
    check_pickles(checkpoint)
    try:
        # Only tensors and plain containers are unpickled.
        loaded = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{checkpoint}: there is no such file; give the checkpoint that was downloaded") from error
    except OSError:
        raise
    except Exception as error:  # a damaged file can cause any exception in torch's unpickler
        raise UserError(
            f"{checkpoint}: cannot be read as plain tensors ({type(error).__name__}); download it again"
        ) from error
    if not isinstance(loaded, Mapping):
        raise UserError(f"{checkpoint}: contains no named tensors; give a checkpoint of score_sde_pytorch")
    neutral = torch.ones(1, facts.channels, 1, 1)
    method = build_method(recipe, facts, 0 * neutral, neutral)
    network = method.score_network
    assert isinstance(network, NCSNpp)
    step = loaded.get("step", 0)
    if isinstance(step, torch.Tensor) and step.numel() == 1 and not step.is_complex():
        step = step.item()
    if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 <= step < 2**63:
        raise UserError(f"{checkpoint}: has the step {shown(step)}; give a checkpoint of score_sde_pytorch")
    averages = load_song(network, loaded, str(checkpoint))
    with own_files(Writes(command="convert", about={}, files=[out], inputs=[checkpoint])):
        save_model(out, method, _by_our_names(method, network, averages), about)
        write_card(
            "convert",
            [out],
            {"recipe": recipe.slice()},
            "",
            inputs=[checkpoint],
            **vars(about),
            step=int(step),
            seconds=round(time.monotonic() - started, 2),
        )


def _by_our_names(method: Any, network: NCSNpp, averages: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the averages by our parameter names; the network keeps its weights."""
    raw = {name: value.detach().clone() for name, value in network.named_parameters()}
    theirs = song_tensors(network)
    with torch.no_grad():
        for name, value in zip(learnt_names(theirs), averages, strict=True):
            theirs[name].copy_(value)
        found = {f"score_network.{name}": value.detach().clone() for name, value in network.named_parameters()}
        for name, value in network.named_parameters():
            value.copy_(raw[name])
    return found
