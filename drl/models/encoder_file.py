"""Read only the encoder of a model file, or write it into a file without the networks that codes do not need.

If a method has no encoder, the network that makes its codes takes the encoder's place: the score network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from drl.errors import UserError
from drl.files import atomic
from drl.methods.base import Method
from drl.models.model_file import PARTS, ModelHeader, encoder_weights
from drl.models.weights_file import open_weights

# Key of the header. It differs from a model's key, so that an encoder file is not mistaken for a complete model.
KEY = "encoder"


def load_encoder(path: str | Path, device: torch.device | str = "cpu") -> Method:
    """Read the encoder of a trained model for `encode(images, t)`, in evaluation mode, with frozen weights.

    Args:
        path: A model.safetensors of `drl pretrain`, or an encoder.safetensors of `drl export --encoder-only`.
        device: Where to put it.

    Returns:
        The method without the networks that codes do not need.

    Raises:
        UserError: If the file is missing or damaged, is not of a model of this project, or has no encoder.
    """
    path = Path(path)
    found, weights = read_encoder(path)
    if found.recipe.method.codes_by is None:
        raise UserError(f"{path}: is unconditional, so images have no codes; give a model with an encoder")
    method = found.build()
    for module in PARTS:
        if module != method.code_part and hasattr(method, module):
            setattr(method, module, None)
    method.code_network().load_state_dict(weights)
    return method.to(device).eval().requires_grad_(False)


def read_encoder(path: Path) -> tuple[ModelHeader, dict[str, Tensor]]:
    """Return the header of a model or an encoder file, and the encoder's weights by name.

    Raises:
        UserError: If the file is missing or damaged, or is not of a model of this project.
    """
    missing = "there is no such model; give a model.safetensors of drl pretrain"
    with open_weights(path, missing, "give a model.safetensors of drl pretrain") as file:
        said = file.said(KEY)
        if said is not None:
            found = ModelHeader.parse(said, path)
            if found.recipe.method.codes_by is None:
                return found, {}
            return found, file.read("", found.skeleton(path).code_network().state_dict())
    return encoder_weights(path)


def save_encoder(path: Path, header: ModelHeader, weights: Mapping[str, Tensor]) -> None:
    """Write an encoder file.

    Args:
        path: The file.
        header: Header of the complete model.
        weights: The encoder's weights by name, raw or averaged as in the recipe's `codes_from`.
    """
    with atomic(path) as temporary:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            str(temporary),
            metadata={KEY: header.json()},
        )
