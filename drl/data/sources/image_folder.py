"""A data set given as a folder of class folders, with or without a split into train/ and test/."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drl.config.datasets import MOST_PIXELS, DatasetSettings
from drl.data.regular import check_name, check_regular, shown
from drl.data.sources.image_file import read_image
from drl.data.sources.raw import LabelledImages, Raw, split_pool
from drl.errors import UserError
from drl.out_places import home_path

SPLIT_NAMES = {"train", "test", "val", "valid", "validation"}


def read(settings: DatasetSettings, most_pixels: int = MOST_PIXELS) -> Raw:
    """Read `folder/train/<class>/*` and `folder/test/<class>/*`, or split `folder/<class>/*` at random, with a seed.

    Classes are the folder names in alphabetical order; file names are `<class>/<file>`. Hidden files are skipped.
    Images are resized (antialiased, short side to `image_size`), cropped at the centre and converted to grey or RGB.

    Args:
        settings: The folder, and size and channels of its images.
        most_pixels: Pixels that an image may have.

    Raises:
        UserError: If the folder is missing or has no such structure, or a file is not an 8-bit image.
    """
    root = home_path(settings.folder or "")
    digest = hashlib.sha256()
    parts = {
        name: _read_classes(folders, settings, digest, most_pixels) for name, folders in class_folders(root).items()
    }
    if "train" in parts:
        (train, classes), (test, _) = parts["train"], parts["test"]
        return Raw(train, test, classes, _origin(root, digest))
    pool, classes = parts[""]
    return split_pool(pool, classes, _origin(root, digest), settings)


def class_folders(root: Path) -> dict[str, list[Path]]:
    """Return the class folders in class order, under `train` and `test` if both exist, else under the empty name.

    Raises:
        UserError: If there is no such folder, there are fewer than two classes, train/ and test/ have other classes,
            half of a split is missing or spelt otherwise, or a name is not UTF-8.
    """
    whole = Path(os.path.abspath(root))
    for part in (whole, *whole.parents):
        check_name(part)
    top = {folder.name for folder in _subfolders(root)}
    _check_split(root, top)
    names = ("train", "test") if {"train", "test"} <= top else ("",)
    found = {name: _subfolders(root / name) for name in names}
    for name, folders in found.items():
        if not folders:
            raise UserError(
                f"{shown(root / name)} holds no class folders: put the images into one folder for each class"
            )
    classes = [{folder.name for folder in folders} for folders in found.values()]
    if classes[0] != classes[-1]:
        odd = ", ".join(sorted(classes[0] ^ classes[-1]))
        raise UserError(f"{shown(root)}: train/ and test/ differ in their class folders ({odd}): make them equal")
    if len(classes[0]) < 2:
        raise UserError(
            f"{shown(root / names[0])} holds only the folder {found[names[0]][0].name!r}: it needs at least two class "
            "folders, or train/ and test/ with two in each"
        )
    return found


def _check_split(root: Path, names: set[str]) -> None:
    """Refuse what is meant as a split but is none: its parts would be taken for classes."""
    otherwise = {name for name in names - SPLIT_NAMES if name.strip().casefold() in SPLIT_NAMES}
    if otherwise:
        renamed = " and ".join(f"{name}/ to {name.strip().casefold()}/" for name in sorted(otherwise))
        raise UserError(
            f"{shown(root)} holds {', '.join(f'{name}/' for name in sorted(otherwise))}, and the parts of a split are "
            f"called train and test, in lower case: rename {renamed}"
        )
    found = names & SPLIT_NAMES
    if found and not {"train", "test"} <= found:
        missing = " and ".join(f"{name}/" for name in ("train", "test") if name not in found)
        raise UserError(
            f"{shown(root)} holds {', '.join(f'{name}/' for name in sorted(found))} but no {missing}: give it train/ "
            "and test/ with class folders in each, or class folders alone"
        )


def class_files(folder: Path) -> list[Path]:
    """Return the files of a class folder, sorted by name; hidden files are skipped.

    Raises:
        UserError: If there are none, something is no regular file, or a name is not UTF-8.
    """
    paths = _visible(folder)
    if not paths:
        raise UserError(f"class folder {shown(folder)} is empty: fill or remove it")
    for path in paths:
        check_name(path)
        if path.is_dir():
            raise UserError(
                f"{shown(path)} is a folder within a class folder, which holds images alone: move its images up, or "
                "name the parts of a split train and test"
            )
        check_regular(path)
    return paths


def _subfolders(folder: Path) -> list[Path]:
    try:
        known = stat.S_ISDIR(folder.stat().st_mode)
    except (OSError, ValueError):  # missing, or no name that a file can have
        known = False
    if not known:
        raise UserError(
            f"image folder {shown(folder)} does not exist or is not a folder: give one that holds a folder for each "
            "class"
        )
    found = [path for path in _visible(folder) if path.is_dir()]
    for path in found:
        check_name(path)
    return found


def _visible(folder: Path) -> list[Path]:
    """Return what a folder holds, sorted by name, without hidden files."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"{shown(folder)} cannot be read ({error.strerror}): mend or remove it") from error


def _read_classes(
    folders: list[Path], settings: DatasetSettings, digest: hashlib._Hash, most_pixels: int
) -> tuple[LabelledImages, tuple[str, ...]]:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    files: list[str] = []
    # All are looked at before the first is read.
    known = [class_files(folder) for folder in folders]
    for label, (folder, paths) in enumerate(zip(folders, known, strict=True)):
        for path in paths:
            name = f"{folder.name}/{path.name}"
            image, data = read_image(path, settings.image_size, settings.channels, most_pixels)
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
            images.append(image)
            labels.append(label)
            files.append(name)
    stacked = LabelledImages(np.stack(images), np.array(labels, dtype=np.int64), tuple(files))
    return stacked, tuple(folder.name for folder in folders)


def _origin(root: Path, digest: hashlib._Hash) -> str:
    return f"image folder {root.name}, sha256 of its names and files {digest.hexdigest()}"
