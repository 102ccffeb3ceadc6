"""The model file: weights as safetensors, and a header with everything that is needed to use them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from drl.config.recipes import Recipe
from drl.errors import UserError, shown
from drl.files import atomic
from drl.methods.base import ImageFacts, Method
from drl.methods.build import build_method
from drl.models.weights_file import SaidAbout, SaidImages, WeightsFile, open_weights, parse_header

NO_MODEL = "is not a model of this project; give a model.safetensors of drl pretrain"
MISSING, DAMAGED = "there is no such model; run drl pretrain first", "remove it and run drl pretrain again"
# Module of a method -> prefix in the file.
PARTS = {"encoder": "encoder", "score_network": "score", "decoder": "decoder"}


@dataclass(frozen=True)
class About:
    """Scale, dataset, recipe and seed of a model; `vars(about)` are the cells that are equal in all its rows."""

    scale: str
    dataset: str
    recipe: str
    seed: int

    @classmethod
    def of(cls, cells: Mapping[str, str | int]) -> Self:
        """Take these four from the cells of a job."""
        return cls(str(cells["scale"]), str(cells["dataset"]), str(cells["recipe"]), int(cells["seed"]))


class _Said(SaidImages):
    """The header in a file, before it is checked."""

    about: SaidAbout
    recipe: Recipe


@dataclass(frozen=True)
class ModelHeader:
    """The header of a model file.

    Attributes:
        about: Which model it is.
        recipe: The resolved recipe, without its label for legends.
        facts: Size of the images.
        mean: Mean of the training pixels in [0, 1], one number per channel.
        std: Their standard deviation.
    """

    about: About
    recipe: Recipe
    facts: ImageFacts
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, method: Method, about: About) -> Self:
        """Return the header for a method."""
        mean, std = (tuple(values.flatten().tolist()) for values in (method.pixel_mean, method.pixel_std))
        return cls(about, method.recipe, method.facts, mean, std)

    @classmethod
    def parse(cls, text: str | None, path: Path) -> Self:
        """Restore the result of `json`.

        Raises:
            UserError: If the text is something else; the message names the path.
        """
        said = parse_header(_Said, text, path, NO_MODEL)
        return cls(About(**said.about.slice()), said.recipe, said.facts.facts(), said.mean, said.std)

    def json(self) -> str:
        """Return the header as JSON for the file."""
        plain = {"recipe": self.recipe.slice(), "about": vars(self.about), "facts": vars(self.facts)}
        return json.dumps(plain | {"mean": self.mean, "std": self.std}, sort_keys=True)

    def skeleton(self, path: Path) -> Method:
        """Return the method with only names and shapes of its weights, without their memory (torch's device `meta`).

        Args:
            path: The file, for messages.

        Raises:
            UserError: If no network can be built from the recipe.
        """
        try:
            with torch.device("meta"):
                return self.build()
        except (RuntimeError, ValueError, ArithmeticError, AssertionError) as error:
            raise UserError(f"{path}: no network can be built from its recipe; pretrain it again") from error

    def build(self) -> Method:
        """Return the method with new weights; the state of the default generator does not change."""
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device="cpu").reshape(1, -1, 1, 1) for v in (self.mean, self.std)
        )
        with torch.random.fork_rng(devices=[]):
            return build_method(self.recipe, self.facts, mean, std)


def save_model(path: Path, method: Method, averages: Mapping[str, Tensor], about: About) -> None:
    """Write those of `encoder.`, `encoder_ema.`, `score.`, `score_ema.`, `decoder.` and `decoder_ema.` that exist.

    Args:
        path: The file.
        method: The trained method.
        averages: Moving averages by the method's parameter names.
        about: Which model it is, for the header.
    """
    tensors: dict[str, Tensor] = {}
    for module, prefix in PARTS.items():
        part = getattr(method, module, None)
        if not isinstance(part, nn.Module):
            continue
        for name, value in part.state_dict().items():
            tensors[f"{prefix}.{name}"] = value.detach().contiguous().cpu()
            # Tensors that are not averaged (batch statistics, frozen frequencies) are the same in both.
            averaged = averages.get(f"{module}.{name}", value)
            tensors[f"{prefix}_ema.{name}"] = averaged.detach().clone().contiguous().cpu()
    _write(path, tensors, method, about)


def save_snapshots(path: Path, method: Method, snapshots: Mapping[int, Mapping[str, Tensor]], about: About) -> None:
    """Write the weights of the part that makes the codes at some steps of a training, as `<step>/<name>`.

    Args:
        path: The file.
        method: The trained method.
        snapshots: State dict of that part for each step.
        about: As in save_model.
    """
    tensors = {
        f"{step}/{name}": value.detach().contiguous().cpu()
        for step, weights in snapshots.items()
        for name, value in weights.items()
    }
    _write(path, tensors, method, about)


def start_from(path: str | Path, method: Method) -> dict[str, Tensor]:
    """Copy a trained model's raw weights (not averaged) into a method whose training starts from them.

    Returns:
        Their moving averages by the method's parameter names.

    Raises:
        UserError: As `load_model`, and if the model has other networks, or images of another size, than the method.
    """
    path = Path(path)
    averages: dict[str, Tensor] = {}
    with _opened(path) as (file, found):
        for key in ("channels", "image_size"):
            theirs, ours = (getattr(facts, key) for facts in (found.facts, method.facts))
            if theirs != ours:
                raise UserError(
                    f"{path}: is for images with {key} {theirs}, not {ours}; start from a model of the same images"
                )
        for module, prefix in PARTS.items():
            part = getattr(method, module, None)
            if isinstance(part, nn.Module):
                wanted = part.state_dict()
                part.load_state_dict(file.read(f"{prefix}.", wanted))
                averaged = file.read(f"{prefix}_ema.", wanted)
                averages |= {f"{module}.{name}": averaged[name] for name, _ in part.named_parameters()}
    return averages


def load_snapshots(path: str | Path, device: torch.device | str = "cpu") -> Iterator[tuple[int, Method]]:
    """Yield the steps of a training in ascending order, each with a method that gives the codes of that step.

    The method is the same object each time, in evaluation mode, with frozen weights. Its other networks are untrained.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        wanted = found.skeleton(path).code_network().state_dict()
        steps = _steps(file)
        for step in steps:
            file.check(f"{step}/", wanted)
        method = found.build().to(device).eval().requires_grad_(False)
        for step in steps:
            method.code_network().load_state_dict(file.read(f"{step}/", wanted))
            yield step, method


def _steps(file: WeightsFile) -> list[int]:
    words = {name.partition("/")[0] for name in file.names}
    for word in words:
        if not re.fullmatch("0|[1-9][0-9]{0,17}", word, re.ASCII):
            raise UserError(f"{file.path}: {shown(word)} is not a step; give a snapshots.safetensors of drl pretrain")
    return sorted(map(int, words))


def _write(path: Path, tensors: Mapping[str, Tensor], method: Method, about: About) -> None:
    # Only one key, because safetensors writes several in random order, and equal models should give equal files.
    with atomic(path) as temporary:
        save_file(dict(tensors), str(temporary), metadata={"model": ModelHeader.of(method, about).json()})


def load_model(path: str | Path, device: torch.device | str = "cpu", weights: str | None = None) -> Method:
    """Read a pretrained model, in evaluation mode, with frozen weights.

    Args:
        path: A model.safetensors.
        device: Where to put it.
        weights: `raw` or `ema` for all parts. None means those that the recipe's `codes_from` names for the part that
            makes the codes, and averaged ones for the others; the authors export codes and draw samples with these.

    Returns:
        The method; use its `encode` and, if it has one, its `score`.

    Raises:
        UserError: If the file is missing, damaged, or its names and shapes do not fit its own recipe.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        used = _used(found, found.skeleton(path), weights)
        fitting = {module: file.read(prefix, wanted) for module, (prefix, wanted) in used.items()}
        method = found.build()
        for module, tensors in fitting.items():
            getattr(method, module).load_state_dict(tensors)
    return method.to(device).eval().requires_grad_(False)


def save_used(path: Path, model: Path) -> None:
    """Write a model without the weights that neither codes nor samples use: of each part, the raw or the averaged ones.

    `load_model` reads it as it reads the whole model. A training cannot start from it.

    Args:
        path: The new file.
        model: A model.safetensors.

    Raises:
        UserError: As `load_model`.
    """
    with _opened(model) as (file, found):
        tensors = {
            f"{prefix}{name}": value
            for prefix, wanted in _used(found, found.skeleton(model)).values()
            for name, value in file.read(prefix, wanted).items()
        }
    with atomic(path) as temporary:
        save_file(tensors, str(temporary), metadata={"model": found.json()})


def _used(found: ModelHeader, method: Method, weights: str | None = None) -> dict[str, tuple[str, dict[str, Tensor]]]:
    """Return, for each part of a method, the prefix of the weights that are used, and its state dict.

    Args:
        found: The header.
        method: The method; the values of its weights do not matter.
        weights: As for `load_model`.
    """
    used = {}
    for module, prefix in PARTS.items():
        part = getattr(method, module, None)
        choice = weights or (found.recipe.codes_from if module == method.code_part else "ema")
        if isinstance(part, nn.Module):
            used[module] = (f"{prefix}_ema." if choice == "ema" else f"{prefix}.", part.state_dict())
    return used


def check_model(path: str | Path) -> tuple[ModelHeader, Method]:
    """Check a model; return its header, and its method without memory for weights.

    Raises:
        UserError: As `load_model`, for raw and averaged weights.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        method = found.skeleton(path)
        for module, prefix in PARTS.items():
            part = getattr(method, module, None)
            if isinstance(part, nn.Module):
                for suffix in ("", "_ema"):
                    file.read(f"{prefix}{suffix}.", part.state_dict())
    return found, method


def encoder_weights(path: str | Path) -> tuple[ModelHeader, dict[str, Tensor]]:
    """Return a model's header, and the weights by name of the part that makes its codes; none if there are no codes.

    They are raw or averaged, as in the recipe's `codes_from`.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        if found.recipe.method.codes_by is None:
            return found, {}
        suffix = "_ema" if found.recipe.codes_from == "ema" else ""
        wanted = found.skeleton(path).code_network().state_dict()
        return found, file.read(f"{found.recipe.method.codes_by}{suffix}.", wanted)


def header(path: str | Path) -> ModelHeader:
    """Return a model's header without reading its weights.

    Raises:
        UserError: As `load_model`, except for faults of the weights.
    """
    with _opened(Path(path)) as (_, found):
        return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[WeightsFile, ModelHeader]]:
    with open_weights(path, MISSING, DAMAGED) as file:
        yield file, ModelHeader.parse(file.said("model"), path)
