"""The model file: weights as safetensors, and in its header all that is needed to use them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from drl.errors import UserError
from drl.files import atomic
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method

# Module of a method -> prefix in the file.
PARTS = {"encoder": "encoder", "score_network": "score", "decoder": "decoder"}


def save_model(path: Path, method: Method, averages: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write `encoder.`, `encoder_ema.`, `score.`, `score_ema.`, `decoder.`, … whichever exist.

    Args:
        path: The file.
        method: The trained method.
        averages: Moving averages by the method's own parameter names.
        about: Dataset, recipe's name, seed and so on, for the header.
    """
    tensors: dict[str, Tensor] = {}
    for module, prefix in PARTS.items():
        part = getattr(method, module, None)
        if not isinstance(part, nn.Module):
            continue
        for name, value in part.state_dict().items():
            tensors[f"{prefix}.{name}"] = value.detach().contiguous().cpu()
            # What is not averaged (batch statistics, frozen frequencies) is the same in both.
            averaged = averages.get(f"{module}.{name}", value)
            tensors[f"{prefix}_ema.{name}"] = averaged.detach().clone().contiguous().cpu()
    _write(path, tensors, method, about)


def save_snapshots(
    path: Path, method: Method, snapshots: Mapping[int, Mapping[str, Tensor]], about: Mapping[str, Any]
) -> None:
    """Write encoders as they were at some steps of a training, `<step>/<name>`.

    Args:
        path: The file.
        method: The trained method.
        snapshots: Step to the encoder's state dict.
        about: As in save_model.
    """
    tensors = {
        f"{step}/{name}": value.detach().contiguous().cpu()
        for step, weights in snapshots.items()
        for name, value in weights.items()
    }
    _write(path, tensors, method, about)


def start_from(path: str | Path, method: Method) -> dict[str, Tensor]:
    """Copy the weights of a trained model, as they were in training (not averaged), into a method that is to go on.

    Returns:
        Their moving averages by the method's own names.

    Raises:
        UserError: As `load_model`, and if the model's networks or images are not the method's.
    """
    path = Path(path)
    found, tensors = _read(path)
    facts = found.get("facts", {})
    for key in ("channels", "image_size"):
        if facts.get(key) != getattr(method.facts, key):
            raise UserError(
                f"{path}: is a model of images of {key} {facts.get(key)}, not {getattr(method.facts, key)}; "
                "start from a model of the same images"
            )
    averages: dict[str, Tensor] = {}
    for module, prefix in PARTS.items():
        part = getattr(method, module, None)
        if isinstance(part, nn.Module):
            _fill(path, part, f"{prefix}.", tensors)
            averages |= {f"{module}.{name}": tensors[f"{prefix}_ema.{name}"] for name, _ in part.named_parameters()}
    return averages


def load_snapshots(path: str | Path, device: torch.device | str = "cpu") -> Iterator[tuple[int, Method]]:
    """Yield the steps of a training, ascending, each with the method whose encoder is as it was then.

    It is one and the same object every time, in evaluation mode, with frozen weights; its other networks are untrained.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    found, tensors = _read(path)
    method = _build(path, found).to(device).eval().requires_grad_(False)
    for step in sorted({int(name.partition("/")[0]) for name in tensors}):
        _fill(path, method.trained_encoder(), f"{step}/", tensors)
        yield step, method


def _write(path: Path, tensors: Mapping[str, Tensor], method: Method, about: Mapping[str, Any]) -> None:
    header = {
        "recipe": method.recipe,
        "facts": vars(method.facts),
        "mean": method.pixel_mean.flatten().tolist(),
        "std": method.pixel_std.flatten().tolist(),
        "about": about,
    }
    # One key only: safetensors writes several in random order, and equal models should be equal files.
    with atomic(path) as temporary:
        save_file(dict(tensors), str(temporary), metadata={"model": json.dumps(header, sort_keys=True)})


def _build(path: Path, found: Mapping[str, Any]) -> Method:
    try:
        recipe, facts = found["recipe"], ImageFacts(**found["facts"])
        mean, std = (_channels(found[name]) for name in ("mean", "std"))
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: is not a model of this project; give a file that drl pretrain wrote") from error
    with torch.random.fork_rng(devices=[]):
        return build_method(recipe, facts, mean, std)


def load_model(path: str | Path, device: torch.device | str = "cpu", weights: str | None = None) -> Method:
    """Read a pretrained model, in evaluation mode, with frozen weights.

    Args:
        path: A model.safetensors.
        device: Where to put it.
        weights: `raw` or `ema` for all parts. None: the encoder as the recipe's `codes_from` says, all else averaged,
            as the authors export codes and draw samples.

    Returns:
        The method; use its `encode` and, where it has one, `score`.

    Raises:
        UserError: If the file is missing, damaged, or its names and shapes are not those of its own recipe.
    """
    path = Path(path)
    found, tensors = _read(path)
    method = _build(path, found)
    recipe = method.recipe
    for module, prefix in PARTS.items():
        part = getattr(method, module, None)
        choice = weights or (recipe["codes_from"] if module == "encoder" else "ema")
        suffix = "_ema" if choice == "ema" else ""
        if isinstance(part, nn.Module):
            _fill(path, part, f"{prefix}{suffix}.", tensors)
    return method.to(device).eval().requires_grad_(False)


def encoder_weights(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a model's header, and its encoder's weights by name: averaged or not, as the recipe takes codes from.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    about = header(path)
    _, tensors = _read(path)
    prefix = "encoder_ema." if about["recipe"]["codes_from"] == "ema" else "encoder."
    return about, {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def header(path: str | Path) -> dict[str, Any]:
    """Return a model's header without reading its weights: `about` (dataset, recipe's name, seed), `recipe`, `facts`.

    Raises:
        UserError: As `load_model`.
    """
    found, _ = _read(Path(path), names_only=True)
    if "about" not in found:
        raise UserError(f"{path}: is not a model of this project; give a model.safetensors of drl pretrain")
    return found


def _read(path: Path, names_only: bool = False) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            names: Sequence[str] = [] if names_only else list(file.keys())
            header = json.loads((file.metadata() or {}).get("model", "{}"))
            return header, {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such model; run drl pretrain first") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is damaged ({error}); remove it and run drl pretrain again") from error


def _fill(path: Path, part: nn.Module, prefix: str, tensors: Mapping[str, Tensor]) -> None:
    found = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    wanted = part.state_dict()
    for name in sorted(set(found) | set(wanted)):
        if name not in found or name not in wanted or found[name].shape != wanted[name].shape:
            raise UserError(f"{path}: {prefix}{name} does not fit the network of its recipe; pretrain it again")
    part.load_state_dict(found)


def _channels(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, -1, 1, 1)
