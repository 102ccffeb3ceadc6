"""The result of reading a source: images as in the original files, not yet resized or normalised."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from drl.config.datasets import DatasetSettings
from drl.data.seeds import Stream, bits, shuffled
from drl.data.splits import stratified_split
from drl.errors import UserError


@dataclass(frozen=True)
class LabelledImages:
    """Images of one size with their labels and file names.

    Attributes:
        images: uint8 [N, H, W, C], 0..255, C 1 or 3.
        labels: int64 [N], indices into the class names.
        files: N names, unique within one `LabelledImages`.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    files: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check that the three parts fit together.

        Raises:
            ValueError: If shapes, types or lengths do not match.
        """
        if self.images.ndim != 4 or self.images.dtype != np.uint8 or self.images.shape[-1] not in (1, 3):
            raise ValueError(f"images must be uint8 [N, H, W, 1 or 3], not {self.images.dtype} {self.images.shape}")
        if self.labels.shape != (len(self.images),) or self.labels.dtype != np.int64:
            raise ValueError(f"labels must be int64 [{len(self.images)}], not {self.labels.dtype} {self.labels.shape}")
        if len(self.files) != len(self.images):
            raise ValueError(f"{len(self.files)} file names for {len(self.images)} images")

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def select(self, indices: NDArray[np.int64]) -> LabelledImages:
        """Return the images at `indices`, in that order (a copy)."""
        return LabelledImages(self.images[indices], self.labels[indices], tuple(self.files[i] for i in indices))


@dataclass(frozen=True)
class Raw:
    """A data set as read from its original files.

    Attributes:
        train: Training images.
        test: Test images.
        classes: Class names; a label is an index into them.
        origin: A readable text that names the source of the images, with a checksum of the original files.
    """

    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]
    origin: str


def split_pool(pool: LabelledImages, classes: Sequence[str], origin: str, settings: DatasetSettings) -> Raw:
    """Split images that have no fixed split into parts of the declared sizes, at random and class-balanced.

    The images of each part are in random order, so that the first few are not all of one class.

    Raises:
        UserError: If there are fewer images than `settings.train` + `settings.test`.
    """
    wanted = settings.train + settings.test
    if wanted > len(pool):
        raise UserError(
            f"dataset {settings.title!r}: train ({settings.train}) + test ({settings.test}) declare {wanted} images "
            f"but the source {settings.source} has {len(pool)}: lower train or test"
        )
    train, test = stratified_split(pool.labels, settings.train, settings.test, settings.seed)
    order = bits(settings.seed, Stream.ORDER)
    return Raw(pool.select(shuffled(train, order)), pool.select(shuffled(test, order)), tuple(classes), origin)


def indexed_files(labels: Iterable[int], classes: Sequence[str]) -> tuple[str, ...]:
    """Name images of an array `<index>_<class>.png`, as LaplaceNet's label lists do (authors' code).

    Blanks and slashes in class names become underscores.
    """
    safe = [name.replace("/", "_").replace(" ", "_") for name in classes]
    return tuple(f"{index}_{safe[label]}.png" for index, label in enumerate(labels))
