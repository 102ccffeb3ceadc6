"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): 50,000 + 10,000 colour images, 32x32, in their "python" layout."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drl.config.datasets import DatasetSettings
from drl.data.regular import read_regular
from drl.data.sources import safe_pickle
from drl.data.sources.download import cache_folder, fetch
from drl.data.sources.raw import LabelledImages, Raw, indexed_files
from drl.errors import UserError
from drl.out_places import home_path

MOST_BYTES = 2**28  # of a file; the largest has 155 million


@dataclass(frozen=True)
class Layout:
    """The files of one of the two data sets, with torchvision's md5 checksums.

    Attributes:
        title: Name in messages.
        folder: Folder that the archive unpacks to.
        archive: Address and md5 of the archive.
        train: Names and md5 of the files with training images, in order.
        test: Like `train`, for test images.
        meta: Name and md5 of the file with the class names.
        names_key: Key of the class names in `meta`.
        labels_key: Key of the labels in the other files.
    """

    title: str
    folder: str
    archive: tuple[str, str]
    train: tuple[tuple[str, str], ...]
    test: tuple[tuple[str, str], ...]
    meta: tuple[str, str]
    names_key: str
    labels_key: str


LAYOUTS = {
    "cifar10": Layout(
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        archive=("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),
        train=(
            ("data_batch_1", "c99cafc152244af753f735de768cd75f"),
            ("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
            ("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
            ("data_batch_4", "634d18415352ddfa80567beed471001a"),
            ("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
        ),
        test=(("test_batch", "40351d587109b95175f43aff81a1287e"),),
        meta=("batches.meta", "5ff9c542aee3614f3951f8cda6e48888"),
        names_key="label_names",
        labels_key="labels",
    ),
    "cifar100": Layout(
        title="CIFAR-100",
        folder="cifar-100-python",
        archive=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),
        train=(("train", "16019d7e3df5f24257cddd939b257f8d"),),
        test=(("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),),
        meta=("meta", "7973b15100ade9c7d40fb424638fde48"),
        names_key="fine_label_names",
        labels_key="fine_labels",
    ),
}


def read(settings: DatasetSettings, layout: Layout | None = None) -> Raw:
    """Read the batches from `settings.folder` if it is set, else from the cache or the network.

    Images are named `<index>_<class>.png`; the index counts through all training batches (as in the authors' lists).

    Args:
        settings: `folder` is the folder of the batches, or the one above it.
        layout: Default: the one of `settings.source`.

    Raises:
        UserError: If a file is missing, damaged, holds anything but arrays, or cannot be downloaded.
    """
    layout = layout or LAYOUTS[settings.source]
    folder = _folder(settings, layout)
    digest = hashlib.sha256()
    classes = tuple(
        str(name) for name in _entry(_load(folder, layout.meta, digest), layout.names_key, folder / layout.meta[0])
    )
    train = _read_part(folder, layout.train, layout, classes, digest)
    test = _read_part(folder, layout.test, layout, classes, digest)
    return Raw(train, test, classes, f"{layout.title} (Krizhevsky, 2009), sha256 of its files {digest.hexdigest()}")


def _folder(settings: DatasetSettings, layout: Layout) -> Path:
    if settings.folder is not None:
        root = home_path(settings.folder)
        return root / layout.folder if (root / layout.folder).is_dir() else root
    root = cache_folder()
    folder = root / layout.folder
    # Check sums, not just names: an interrupted extraction leaves a truncated file, and the archive is extracted again.
    if not all(_whole(folder / name, md5) for name, md5 in (layout.meta, *layout.train, *layout.test)):
        if not settings.download:
            raise UserError(
                f"{layout.title} is not in {folder}, and download is off: set the data set's `folder` to where "
                f"{layout.folder} lies, or allow the download"
            )
        fetch(layout.archive[0], root, layout.archive[1], extract=True)
    return folder


def _whole(path: Path, md5: str) -> bool:
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return False
    return hashlib.md5(read_regular(path, MOST_BYTES), usedforsecurity=False).hexdigest() == md5


def _load(folder: Path, file: tuple[str, str], digest: hashlib._Hash) -> Any:
    path = folder / file[0]
    try:
        data = read_regular(path, MOST_BYTES)
    except UserError as error:
        raise UserError(f"{error}; or set `folder` to where CIFAR's files lie") from error
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != file[1]:
        raise UserError(f"{path} is damaged (md5 {found}, expected {file[1]}): delete it and fetch it again")
    digest.update(data)
    try:
        return safe_pickle.loads(data)
    except pickle.UnpicklingError as error:
        raise UserError(f"{path} cannot be read safely: {error}; fetch it again") from error


def _entry(value: Any, key: str, path: Path) -> Any:
    if not isinstance(value, dict) or key not in value:
        raise UserError(f"{path} has no entry {key!r}: fetch CIFAR's python version again")
    return value[key]


def _read_part(
    folder: Path,
    files: tuple[tuple[str, str], ...],
    layout: Layout,
    classes: tuple[str, ...],
    digest: hashlib._Hash,
) -> LabelledImages:
    pixels, labels = [], []
    for file in files:
        path = folder / file[0]
        value = _load(folder, file, digest)
        data = np.asarray(_entry(value, "data", path))
        part = np.asarray(_entry(value, layout.labels_key, path))
        if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072 or part.shape != (len(data),):
            raise UserError(f"{path} does not hold 3,072 bytes and a label for each image: fetch it again")
        if part.dtype.kind not in "iu" or part.min(initial=0) < 0 or part.max(initial=0) >= len(classes):
            raise UserError(f"{path} has a label outside 0..{len(classes) - 1}: fetch it again")
        pixels.append(data)
        labels.append(part.astype(np.int64))
    images = np.concatenate(pixels).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    joined = np.concatenate(labels)
    return LabelledImages(images, joined, indexed_files(joined, classes))
