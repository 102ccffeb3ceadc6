"""A safetensors file with weights. Its header and its tensors are checked before they are used.

A file may come from elsewhere, so it may be damaged or forged. Its header says which network to build, and a forged one
could demand any amount of memory. So a network is first built without memory, on torch's device `meta`. It is built for
use only if the file contains exactly its tensors, so a network is never larger than the file that describes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError
from torch import Tensor

from drl.config.base import Name, Settings
from drl.data import json_text
from drl.data.tensors import open_tensors
from drl.errors import UserError, clean, complaint
from drl.methods.base import ImageFacts

DTYPES = {
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "I64": torch.int64,
    "U8": torch.uint8,
}
Statistic = Annotated[float, Field(ge=-1e6, le=1e6)]
Statistics = Annotated[tuple[Statistic, ...], Field(min_length=1, max_length=16)]
H = TypeVar("H", bound=Settings)


class SaidFacts(Settings):
    """Size of the images in a header."""

    channels: int = Field(ge=1, le=16)
    image_size: int = Field(ge=1, le=4096)
    classes: int = Field(ge=1, le=1_000_000)

    def facts(self) -> ImageFacts:
        """Return them in the form that networks take."""
        return ImageFacts(self.channels, self.image_size, self.classes)


class SaidAbout(Settings):
    """Scale, dataset, recipe and seed in a header."""

    scale: Name
    dataset: Name
    recipe: Name
    seed: int = Field(ge=0, lt=2**63)


class SaidImages(Settings):
    """The part of a header about the images: size, and mean and deviation of each channel."""

    facts: SaidFacts
    mean: Statistics
    std: Statistics

    @model_validator(mode="after")
    def _one_for_each_channel(self) -> SaidImages:
        for name in ("mean", "std"):
            if len(getattr(self, name)) != self.facts.channels:
                raise ValueError(f"{name} must have {self.facts.channels} numbers, one for each channel")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


def parse_header(kind: type[H], text: str | None, path: Path, remedy: str) -> H:
    """Parse the JSON text of a header.

    Args:
        kind: Class that the text must describe.
        text: The text in the file; None if there is none.
        path: The file, for messages.
        remedy: Text of the error: what is wrong, and what to do.

    Raises:
        UserError: If the text is invalid; it quotes the first complaint.
    """
    if text is None:
        raise UserError(f"{path}: {remedy}")
    try:
        json_text.load(text)  # pydantic keeps the last of two equal keys
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"{path}: {remedy} ({complaint(error)})") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: {remedy} ({clean(error, 160)})") from error


class WeightsFile:
    """An open safetensors file.

    Attributes:
        path: Where it is.
        names: Names of its tensors.
    """

    def __init__(self, path: Path, file: Any) -> None:
        """Wrap the result of safe_open."""
        self.path, self._file = path, file
        self.names: tuple[str, ...] = tuple(file.keys())

    def said(self, key: str) -> str | None:
        """Return an entry of the header; None if there is none."""
        text: str | None = (self._file.metadata() or {}).get(key)
        return text

    def check(self, prefix: str, wanted: Mapping[str, Tensor]) -> None:
        """Compare the tensors whose names begin with a prefix with those of a network: names, shapes and types.

        Raises:
            UserError: If a tensor is missing, unexpected or different.
        """
        found = {name.removeprefix(prefix) for name in self.names if name.startswith(prefix)}
        for name in sorted(found | set(wanted)):
            if name in found and name in wanted:
                part = self._file.get_slice(prefix + name)
                same_type = DTYPES.get(str(part.get_dtype())) == wanted[name].dtype
                if same_type and tuple(part.get_shape()) == tuple(wanted[name].shape):
                    continue
            called = clean(prefix + name, 100)
            raise UserError(f"{self.path}: {called} does not fit the network of its recipe; pretrain it again")

    def read(self, prefix: str, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the tensors whose names begin with a prefix, by name without the prefix.

        Args:
            prefix: `encoder.`, …
            wanted: State dict of a network that they must fit; its values are not used.

        Raises:
            UserError: As `check`, or if a number is not finite.
        """
        self.check(prefix, wanted)
        tensors = {name: self._file.get_tensor(prefix + name) for name in wanted}
        for name, value in tensors.items():
            if not bool(value.isfinite().all()):
                raise UserError(f"{self.path}: {prefix}{name} holds numbers that are not finite; pretrain it again")
        return tensors


@contextmanager
def open_weights(path: Path, missing: str, damaged: str) -> Iterator[WeightsFile]:
    """Open a file of weights.

    Args:
        path: The file.
        missing: Text of the error if the file is missing.
        damaged: What to do about a damaged file.

    Raises:
        UserError: If it is missing or damaged.
    """
    try:
        with open_tensors(path) as file:
            yield WeightsFile(path, file)
    except FileNotFoundError as error:
        raise UserError(f"{path}: {missing}") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: is damaged ({clean(error, 160)}); {damaged}") from error
