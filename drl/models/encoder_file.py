"""The encoder alone: read from a model file, or kept in a file without the networks that codes do not need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from drl.errors import UserError
from drl.files import atomic
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.model_file import PARTS, encoder_weights

# The header's key. A model's is another one, so that an encoder is not taken for a whole model.
KEY = "encoder"


def load_encoder(path: str | Path, device: torch.device | str = "cpu") -> Method:
    """Read what codes need of a trained model: `encode(images, t)`, in evaluation mode, with frozen weights.

    Args:
        path: A model.safetensors of `drl pretrain`, or an encoder.safetensors of `drl export --encoder-only`.
        device: Where to put it.

    Returns:
        The method without score network or decoder.

    Raises:
        UserError: If the file is missing, damaged, of no model of this project, or of one without an encoder.
    """
    path = Path(path)
    about, weights = read_encoder(path)
    if about["recipe"]["encoder"] is None:
        raise UserError(f"{path}: is unconditional, so images have no codes; give a model with an encoder")
    mean, std = (torch.tensor(about[name], dtype=torch.float32).reshape(1, -1, 1, 1) for name in ("mean", "std"))
    with torch.random.fork_rng(devices=[]):
        method = build_method(about["recipe"], ImageFacts(**about["facts"]), mean, std)
    for module in PARTS:
        if module != "encoder" and hasattr(method, module):
            setattr(method, module, None)
    try:
        method.trained_encoder().load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(f"{path}: its encoder does not fit its recipe; export or pretrain it again") from error
    return method.to(device).eval().requires_grad_(False)


def read_encoder(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the header of a model or an encoder file, and the encoder's weights by name.

    Raises:
        UserError: If the file is missing, damaged, or of no model of this project.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            said = (file.metadata() or {}).get(KEY)
            if said is not None:
                return json.loads(said), {name: file.get_tensor(name) for name in list(file.keys())}
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such model; give a model.safetensors of drl pretrain") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: is damaged, or no model ({error}); give a model.safetensors of drl pretrain"
        ) from error
    return encoder_weights(path)


def save_encoder(path: Path, about: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Write an encoder file.

    Args:
        path: The file.
        about: A model's header.
        weights: The encoder's weights by name: those that codes are taken from.
    """
    with atomic(path) as temporary:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            str(temporary),
            metadata={KEY: json.dumps(about, sort_keys=True)},
        )
