"""The model file: weights as safetensors, and in its header all that is needed to use them."""

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
    """Which model this is; `vars(about)` are the cells that rows about it share."""

    scale: str
    dataset: str
    recipe: str
    seed: int

    @classmethod
    def of(cls, cells: Mapping[str, str | int]) -> Self:
        """Take the four out of the cells of a job."""
        return cls(str(cells["scale"]), str(cells["dataset"]), str(cells["recipe"]), int(cells["seed"]))


class _Said(SaidImages):
    """A header as it stands in the file."""

    about: SaidAbout
    recipe: Recipe


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says of itself.

    Attributes:
        about: Which model it is.
        recipe: The resolved recipe, without its name in legends.
        facts: Size of the images.
        mean: Of the training pixels in [0, 1], one number per channel.
        std: As mean.
    """

    about: About
    recipe: Recipe
    facts: ImageFacts
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, method: Method, about: About) -> Self:
        """Describe a method."""
        mean, std = (tuple(values.flatten().tolist()) for values in (method.pixel_mean, method.pixel_std))
        return cls(about, method.recipe, method.facts, mean, std)

    @classmethod
    def parse(cls, text: str | None, path: Path) -> Self:
        """Read what `json` gave.

        Raises:
            UserError: If it is something else; names the path.
        """
        said = parse_header(_Said, text, path, NO_MODEL)
        return cls(About(**said.about.slice()), said.recipe, said.facts.facts(), said.mean, said.std)

    def json(self) -> str:
        """Return the header as it stands in the file."""
        plain = {"recipe": self.recipe.slice(), "about": vars(self.about), "facts": vars(self.facts)}
        return json.dumps(plain | {"mean": self.mean, "std": self.std}, sort_keys=True)

    def skeleton(self, path: Path) -> Method:
        """Return the method without memory for its weights, on torch's device `meta`: names and shapes alone.

        Args:
            path: The file, for messages.

        Raises:
            UserError: If the recipe makes no network.
        """
        try:
            with torch.device("meta"):
                return self.build()
        except (RuntimeError, ValueError, ArithmeticError, AssertionError) as error:
            raise UserError(f"{path}: no network can be made of its recipe; pretrain it again") from error

    def build(self) -> Method:
        """Return the method with fresh weights; the default generator stays as it was."""
        mean, std = (
            torch.tensor(v, dtype=torch.float32, device="cpu").reshape(1, -1, 1, 1) for v in (self.mean, self.std)
        )
        with torch.random.fork_rng(devices=[]):
            return build_method(self.recipe, self.facts, mean, std)


def save_model(path: Path, method: Method, averages: Mapping[str, Tensor], about: About) -> None:
    """Write `encoder.`, `encoder_ema.`, `score.`, `score_ema.`, `decoder.`, … whichever exist.

    Args:
        path: The file.
        method: The trained method.
        averages: Moving averages by the method's own parameter names.
        about: Which model it is, for the header.
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


def save_snapshots(path: Path, method: Method, snapshots: Mapping[int, Mapping[str, Tensor]], about: About) -> None:
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
    averages: dict[str, Tensor] = {}
    with _opened(path) as (file, found):
        for key in ("channels", "image_size"):
            theirs, ours = (getattr(facts, key) for facts in (found.facts, method.facts))
            if theirs != ours:
                raise UserError(
                    f"{path}: is a model of images of {key} {theirs}, not {ours}; start from a model of the same images"
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
    """Yield the steps of a training, ascending, each with the method whose encoder is as it was then.

    It is one and the same object every time, in evaluation mode, with frozen weights; its other networks are untrained.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        wanted = found.skeleton(path).trained_encoder().state_dict()
        steps = _steps(file)
        for step in steps:
            file.check(f"{step}/", wanted)
        method = found.build().to(device).eval().requires_grad_(False)
        for step in steps:
            method.trained_encoder().load_state_dict(file.read(f"{step}/", wanted))
            yield step, method


def _steps(file: WeightsFile) -> list[int]:
    words = {name.partition("/")[0] for name in file.names}
    for word in words:
        if not re.fullmatch("0|[1-9][0-9]{0,17}", word, re.ASCII):
            raise UserError(f"{file.path}: {shown(word)} is not a step; give a snapshots.safetensors of drl pretrain")
    return sorted(map(int, words))


def _write(path: Path, tensors: Mapping[str, Tensor], method: Method, about: About) -> None:
    # One key only: safetensors writes several in random order, and equal models should be equal files.
    with atomic(path) as temporary:
        save_file(dict(tensors), str(temporary), metadata={"model": ModelHeader.of(method, about).json()})


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
    with _opened(path) as (file, found):
        empty, fitting = found.skeleton(path), {}
        for module, prefix in PARTS.items():
            part = getattr(empty, module, None)
            choice = weights or (found.recipe.codes_from if module == "encoder" else "ema")
            suffix = "_ema" if choice == "ema" else ""
            if isinstance(part, nn.Module):
                fitting[module] = file.read(f"{prefix}{suffix}.", part.state_dict())
        method = found.build()
        for module, tensors in fitting.items():
            getattr(method, module).load_state_dict(tensors)
    return method.to(device).eval().requires_grad_(False)


def check_model(path: str | Path) -> tuple[ModelHeader, Method]:
    """Return a model's header, and its method without memory for weights, for what can be said without them.

    Raises:
        UserError: As `load_model`, of raw and averaged weights.
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
    """Return a model's header, and its encoder's weights by name: averaged or not, as the recipe takes codes from.

    Raises:
        UserError: As `load_model`.
    """
    path = Path(path)
    with _opened(path) as (file, found):
        if found.recipe.encoder is None:
            return found, {}
        prefix = "encoder_ema." if found.recipe.codes_from == "ema" else "encoder."
        return found, file.read(prefix, found.skeleton(path).trained_encoder().state_dict())


def header(path: str | Path) -> ModelHeader:
    """Return a model's header without reading its weights.

    Raises:
        UserError: As `load_model`, but for what is wrong with weights.
    """
    with _opened(Path(path)) as (_, found):
        return found


@contextmanager
def _opened(path: Path) -> Iterator[tuple[WeightsFile, ModelHeader]]:
    with open_weights(path, MISSING, DAMAGED) as file:
        yield file, ModelHeader.parse(file.said("model"), path)
