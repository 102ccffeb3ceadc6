"""Any data set that is a folder of class folders, with or without a split into train/ and test/."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from drl.config.datasets import DatasetSettings
from drl.data.sources.raw import LabelledImages, Raw, split_pool
from drl.errors import UserError

_EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "LAB", "HSV"}


def read(settings: DatasetSettings) -> Raw:
    """Read `folder/train/<class>/*` and `folder/test/<class>/*`, or `folder/<class>/*` and split it, seeded.

    Classes are the folder names in alphabetical order; file names are `<class>/<file>`. Hidden files are passed over.
    Images are resized (antialiased, short side to `image_size`, then the centre) and made grey or RGB by `channels`.

    Raises:
        UserError: If the folder is missing or has no such structure, or a file is not an 8-bit image.
    """
    root = Path(settings.folder or "").expanduser()
    if not root.is_dir():
        raise UserError(f"image folder {root} does not exist or is no folder: set the data set's `folder`")
    digest = hashlib.sha256()
    parts = [name for name in ("train", "test") if (root / name).is_dir()]
    if len(parts) == 2:
        train, classes = _read_classes(root / "train", settings, digest)
        test, test_classes = _read_classes(root / "test", settings, digest)
        if classes != test_classes:
            odd = ", ".join(sorted(set(classes) ^ set(test_classes)))
            raise UserError(f"{root}: train/ and test/ differ in their class folders ({odd}): make them equal")
        return Raw(train, test, classes, _origin(root, digest))
    pool, classes = _read_classes(root, settings, digest)
    if len(classes) < 2:
        raise UserError(
            f"{root} holds only the folder {classes[0]!r}: it needs train/ and test/ with class folders in each, "
            "or two class folders at least"
        )
    return split_pool(pool, classes, _origin(root, digest), settings)


def load_image(data: bytes, path: Path, size: int, channels: int) -> NDArray[np.uint8]:
    """Decode one image and bring it to size x size.

    Args:
        data: The file's bytes.
        path: For messages.
        size: Height and width in pixels.
        channels: 1 grey, 3 RGB.

    Returns:
        uint8 [size, size, channels].

    Raises:
        UserError: If it is not an image, is damaged, or has other than 8 bits a channel.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.mode not in _EIGHT_BIT_MODES:
                raise UserError(f"{path} is an image of mode {opened.mode}, not 8 bits a channel: convert it first")
            image = opened.convert("L" if channels == 1 else "RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not an image that can be read ({error}): mend or remove it") from error
    if image.size != (size, size):
        image = _short_side_and_centre(image, size)
    return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)


def _short_side_and_centre(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cropping through `box` lets one antialiased pass do both.
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


def _read_classes(
    root: Path, settings: DatasetSettings, digest: hashlib._Hash
) -> tuple[LabelledImages, tuple[str, ...]]:
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise UserError(f"{root} holds no class folders: put the images into one folder for each class")
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    files: list[str] = []
    for label, folder in enumerate(folders):
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not paths:
            raise UserError(f"class folder {folder} is empty: fill or remove it")
        for path in paths:
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
        raise UserError(f"{path} is not an image that can be read ({error.strerror}): mend or remove it") from error


def _origin(root: Path, digest: hashlib._Hash) -> str:
    return f"image folder {root.name}, sha256 of its names and files {digest.hexdigest()}"
