"""A data set given as a folder of class folders, with or without a split into train/ and test/."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from drl.config.datasets import DatasetSettings
from drl.data.sources.raw import LabelledImages, Raw, split_pool
from drl.errors import UserError

_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "LAB", "HSV"}


def read(settings: DatasetSettings) -> Raw:
    """Read `folder/train/<class>/*` and `folder/test/<class>/*`, or split `folder/<class>/*` at random, with a seed.

    Classes are the folder names in alphabetical order; file names are `<class>/<file>`. Hidden files are skipped.
    Images are resized (antialiased, short side to `image_size`), cropped at the centre and converted to grey or RGB.

    Raises:
        UserError: If the folder is missing or has no such structure, or a file is not an 8-bit image.
    """
    root = Path(settings.folder or "").expanduser()
    digest = hashlib.sha256()
    parts = {name: _read_classes(folders, settings, digest) for name, folders in class_folders(root).items()}
    if "train" in parts:
        (train, classes), (test, _) = parts["train"], parts["test"]
        return Raw(train, test, classes, _origin(root, digest))
    pool, classes = parts[""]
    return split_pool(pool, classes, _origin(root, digest), settings)


def load_image(data: bytes, path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """Decode one image, apply its EXIF orientation, and resize and crop it to size x size.

    Args:
        data: The file's bytes.
        path: Path to name in messages.
        size: Height and width in pixels.
        channels: 1 for grey, 3 for RGB.

    Returns:
        uint8 [size, size, channels].

    Raises:
        UserError: If it is not an image, is damaged, or does not have 8 bits per channel.
    """
    with opened(io.BytesIO(data), path) as found:
        image = ImageOps.exif_transpose(found).convert("L" if channels == 1 else "RGB")
    if image.size != (size, size):
        image = _short_side_and_centre(image, size)
    return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)


@contextmanager
def opened(source: Path | io.BytesIO, path: Path) -> Iterator[Image.Image]:
    """Open an image of 8 bits per channel. Errors with it inside the block become one-line messages.

    Args:
        source: The file, or its bytes.
        path: Path to name in messages.

    Raises:
        UserError: If it is not an image, is damaged, or does not have 8 bits per channel.
    """
    try:
        with Image.open(source) as image:
            if image.mode not in _EIGHT_BIT_MODES:
                raise UserError(f"{path} is an image of mode {image.mode}, not 8 bits per channel: convert it first")
            yield image
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable image ({error}): repair or remove it") from error


def _short_side_and_centre(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cropping with `box` does both in one antialiased pass.
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


def class_folders(root: Path) -> dict[str, list[Path]]:
    """Return the class folders in class order, under `train` and `test` if both exist, else under the empty name.

    Raises:
        UserError: If there is no such folder, there are fewer than two classes, or train/ and test/ have other classes.
    """
    if not root.is_dir():
        raise UserError(
            f"image folder {root} does not exist or is not a folder: give one that holds a folder for each class"
        )
    names = ("train", "test") if all((root / name).is_dir() for name in ("train", "test")) else ("",)
    found = {name: _subfolders(root / name) for name in names}
    for name, folders in found.items():
        if not folders:
            raise UserError(f"{root / name} holds no class folders: put the images into one folder for each class")
    classes = [{folder.name for folder in folders} for folders in found.values()]
    if classes[0] != classes[-1]:
        odd = ", ".join(sorted(classes[0] ^ classes[-1]))
        raise UserError(f"{root}: train/ and test/ differ in their class folders ({odd}): make them equal")
    if len(classes[0]) < 2:
        raise UserError(
            f"{root / names[0]} holds only the folder {found[names[0]][0].name!r}: it needs at least two class "
            "folders, or train/ and test/ with two in each"
        )
    return found


def class_files(folder: Path) -> list[Path]:
    """Return the files of a class folder, sorted by name; hidden files are skipped.

    Raises:
        UserError: If there are none.
    """
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if not paths:
        raise UserError(f"class folder {folder} is empty: fill or remove it")
    return paths


def _subfolders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read_classes(
    folders: list[Path], settings: DatasetSettings, digest: hashlib._Hash
) -> tuple[LabelledImages, tuple[str, ...]]:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    files: list[str] = []
    for label, folder in enumerate(folders):
        for path in class_files(folder):
            name = f"{folder.name}/{path.name}"
            data = _bytes(path)
            digest.update(f"{name}\0{len(data)}\0".encode())
            digest.update(data)
            images.append(load_image(data, path, settings.image_size, settings.channels))
            labels.append(label)
            files.append(name)
    stacked = LabelledImages(np.stack(images), np.array(labels, dtype=np.int64), tuple(files))
    return stacked, tuple(folder.name for folder in folders)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} is not a readable image ({error.strerror}): repair or remove it") from error


def _origin(root: Path, digest: hashlib._Hash) -> str:
    return f"image folder {root.name}, sha256 of its names and files {digest.hexdigest()}"
