"""Reading prepared images from their file, and scaling their pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from drl.config.base import Settings
from drl.data.augment.host import to_device
from drl.data.batch import Batch
from drl.data.csv_text import read_rows
from drl.data.tensors import open_tensors
from drl.errors import UserError, clean, complaint
from drl.files import canonical_json, sha256

Pixels = Literal["standardised", "unit", "symmetric"]

TENSORS = ("images", "labels", "train", "val", "test")
"""The tensors in a file of prepared images, in the order in which they are hashed."""

FILES_CSV = "files.csv"
LIST_BYTES = 2**30  # of files.csv: a line for each image


class StoredFacts(Settings):
    """The header of a file of prepared images: what `drl.data.prepare.prepare` returned.

    Files of earlier versions have no `facts_sha256`; they are read, because the bounds here hold for them too.
    """

    name: str = Field(min_length=1, max_length=255)
    classes: tuple[str, ...] = Field(min_length=1, max_length=1_000_000)
    mean: tuple[Annotated[float, Field(ge=-1e6, le=1e6)], ...] = Field(min_length=1, max_length=16)
    std: tuple[Annotated[float, Field(ge=1e-9, le=1e6)], ...] = Field(min_length=1, max_length=16)
    origin: str
    sha256: str
    files_sha256: str
    facts_sha256: str | None = None
    n_train: int
    n_val: int
    n_test: int
    image_size: int
    channels: int
    constant_channels: tuple[int, ...] = ()

    def check(self, tensors: Mapping[str, Tensor]) -> None:
        """Compare these facts with the images.

        Raises:
            ValueError: If a shape, a type, an index or a number does not fit.
        """
        images, labels = tensors["images"], tensors["labels"]
        shape = (self.n_train + self.n_test, self.channels, self.image_size, self.image_size)
        if images.dtype != torch.uint8 or tuple(images.shape) != shape:
            raise ValueError(f"images are {images.dtype} {tuple(images.shape)}, not uint8 {shape}")
        if {len(self.mean), len(self.std)} != {self.channels}:
            raise ValueError(f"mean and std must have {self.channels} numbers, one for each channel")
        wanted = {"labels": len(images), "train": self.n_train, "val": self.n_val, "test": self.n_test}
        limits = {"labels": len(self.classes)}
        for name, length in wanted.items():
            found = tensors[name]
            if found.dtype != torch.int64 or tuple(found.shape) != (length,):
                raise ValueError(f"{name} is {found.dtype} {tuple(found.shape)}, not int64 {(length,)}")
            if length and not 0 <= int(found.min()) <= int(found.max()) < limits.get(name, len(labels)):
                raise ValueError(f"{name} has numbers out of range")
        used = torch.cat([tensors["train"], tensors["test"]])
        if len(used.unique()) != len(used) or not bool(torch.isin(tensors["val"], tensors["train"]).all()):
            raise ValueError("training, validation and test images are mixed up")


@dataclass(frozen=True)
class ImageStore:
    """All images of a data set, as bytes on one device.

    Attributes:
        name: Name of the data set.
        path: The file that it was read from.
        images: uint8 [N, C, H, W], 0..255, training images first, then test images, on the device.
        labels: int64 [N], on the device.
        train: int64 indices of the training images, including validation, on the CPU.
        val: int64 indices of the validation images, a subset of `train`, on the CPU; may be empty.
        test: int64 indices of the test images, on the CPU.
        mean: Mean of the training pixels in [0, 1], float32 [1, C, 1, 1], on the device.
        std: Their standard deviation, like `mean`.
        classes: Class names; a label is an index into them.
        facts: What `drl.data.prepare.prepare` returned.
    """

    name: str
    path: Path
    images: Tensor
    labels: Tensor
    train: Tensor
    val: Tensor
    test: Tensor
    mean: Tensor
    std: Tensor
    classes: tuple[str, ...]
    facts: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path, device: str | torch.device = "cpu") -> ImageStore:
        """Read prepared images. On the CPU they are memory-mapped, so that processes on one machine share them.

        Args:
            path: `images.safetensors`, written by `drl prepare`.
            device: Where images, labels and statistics go.

        Raises:
            UserError: If the file is missing, truncated, damaged, or not a file of prepared images.
        """
        path = Path(path)
        try:
            with open_tensors(path) as opened:
                text = (opened.metadata() or {})["facts"]
                # safetensors has checked the tensors' sizes, but nothing has checked the facts about them.
                said, facts = StoredFacts.model_validate_json(text), json.loads(text)
            if said.facts_sha256 not in (None, facts_sha256(facts)):
                raise ValueError("the facts about its images were changed after they were written")
            tensors = load_file(path)
            whole = said.sha256 == content_sha256(tensors)
            if whole:
                said.check(tensors)
        except FileNotFoundError as error:
            raise UserError(f"{path} does not exist: run `drl prepare`") from error
        except (SafetensorError, OSError, LookupError, ValueError, TypeError, RecursionError) as error:
            reason = (
                complaint(error) if isinstance(error, ValidationError) else clean(error or type(error).__name__, 160)
            )
            raise UserError(
                f"{path} is truncated or not a file of prepared images ({reason}): rerun `drl prepare`"
            ) from error
        if not whole:
            raise UserError(f"{path} is damaged (its content does not match its checksum): rerun `drl prepare`")
        return cls(
            name=said.name,
            path=path,
            images=tensors["images"].to(device),
            labels=tensors["labels"].to(device),
            train=tensors["train"],
            val=tensors["val"],
            test=tensors["test"],
            mean=torch.tensor(said.mean, dtype=torch.float32, device=device).view(1, -1, 1, 1),
            std=torch.tensor(said.std, dtype=torch.float32, device=device).view(1, -1, 1, 1),
            classes=said.classes,
            facts=facts,
        )

    def batch(self, indices: Tensor) -> Batch:
        """Return the images and labels at `indices` (int64 [B], any device), on the store's device."""
        at = to_device(indices, self.images.device)
        return Batch(self.images.index_select(0, at), self.labels.index_select(0, at))

    def training_files(self) -> dict[str, int]:
        """Return the index of each training image by its original file name, from `files.csv` beside the file.

        Raises:
            UserError: If `files.csv` is missing or not a list of this data set's files.
        """
        path = self.path.parent / FILES_CSV
        try:
            if sha256(path) != self.facts["files_sha256"]:
                raise UserError(f"{path} is not the list that was made with {self.path}: rerun `drl prepare`")
            rows = read_rows(path, LIST_BYTES, len(self.labels))
            index, split, file = map(next(rows, []).index, ("index", "split", "file"))
            return {row[file]: int(row[index]) for row in rows if row[split] != "test"}
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read ({error}): rerun `drl prepare`") from error


def facts_sha256(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the facts in a file of prepared images, except for this number itself."""
    said = {key: value for key, value in facts.items() if key != "facts_sha256"}
    return hashlib.sha256(canonical_json(said).encode()).hexdigest()


def content_sha256(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of the names, shapes and bytes of the tensors in a file of prepared images.

    Raises:
        KeyError: If one is missing.
    """
    digest = hashlib.sha256()
    for name in TENSORS:
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()


def scale_pixels(images: Tensor, pixels: Pixels, mean: Tensor, std: Tensor) -> Tensor:
    """Scale bytes as a recipe says: standardised (x/255 - mean)/std, unit x/255, symmetric 2x/255 - 1.

    The authors' code uses standardised pixels for its 128-d models, and unit and symmetric ones for its JAX models.

    Args:
        images: uint8 [B, C, H, W]; the memory format is kept.
        pixels: The scaling.
        mean: float32 [1, C, 1, 1], in [0, 1]; used only for standardised pixels.
        std: Like `mean`.

    Returns:
        float32 [B, C, H, W].
    """
    if pixels == "standardised":
        return torch.mul(images, 1 / (255 * std)).sub_(mean / std)
    scaled = images.to(torch.float32)
    return scaled.div_(255) if pixels == "unit" else scaled.mul_(2 / 255).sub_(1)


def to_unit(x: Tensor, pixels: Pixels, mean: Tensor, std: Tensor) -> Tensor:
    """Undo `scale_pixels`: return pixels with black at 0 and white at 1 (not clipped), in the shape and type of `x`."""
    if pixels == "standardised":
        return x * std + mean
    return x.clone() if pixels == "unit" else (x + 1) / 2


def from_unit(x: Tensor, pixels: Pixels, mean: Tensor, std: Tensor) -> Tensor:
    """Scale pixels in [0, 1] as `scale_pixels` scales bytes; float in, the same shape and type out."""
    if pixels == "standardised":
        return (x - mean) / std
    return x.clone() if pixels == "unit" else 2 * x - 1
