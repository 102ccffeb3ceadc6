"""Images as users have them: arrays, tensors, PIL images and files, converted to what models are trained on.

Models are trained on 8-bit images of one size. Anything that could be read in two ways is refused, because codes of
wrongly read images look like codes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from drl.config.datasets import MOST_PIXELS
from drl.data.regular import open_regular
from drl.data.sources.image_file import EIGHT_BIT_MODES, as_pixels, opened
from drl.errors import UserError
from drl.evaluation.given_images import files_in
from drl.methods.base import ImageFacts

Channels = Literal["first", "last"]
Bytes = NDArray[np.uint8]

SLACK = 1e-5  # how far floats may be outside [0, 1], as after a resize
FLOATS = ("float16", "float32", "float64")
ALSO_CHANNELS = (1, 3, 4)  # sizes of an axis that may be channels: grey, RGB, RGBA


class BadImages(UserError, ValueError):
    """Images whose type, range, shape or channels a model cannot take, or that can be read in more than one way."""


def as_images(images: Any, facts: ImageFacts, channels: Channels | None = None, resize: bool = True) -> Tensor:
    """Convert images to what a model is trained on.

    **Pixels.** uint8 is taken as it is. Floats must be in [0, 1] (with a slack of 1e-5) and are rounded to 8 bits, as
    all training images are. So a float image has the same codes as the uint8 image that it was made from.

    **Axes.** One axis must have the model's number of channels C, and height and width are at least 2. Batches are
    [N, H, W, C] or [N, C, H, W], and grey ones also [N, H, W]; a single image is [H, W, C] or [C, H, W]. In a list,
    each entry is one image, and may also be [H, W]. If more than one reading fits, `channels` decides.

    **Size.** Images of other sizes are treated as files are before training: the short side is resized to the model's
    size, and the image is cropped at the centre.

    Args:
        images: A NumPy array, torch tensor, PIL image, image file or folder of image files, or a list of them; an
            array of paths counts as a list.
        facts: Channels and size of the model's images.
        channels: Where the channels' axis of arrays is: `first`, `last`, or None if that is clear from the shape.
        resize: Whether images may have other sizes than the model's.

    Returns:
        uint8 [N, C, H, W] on the CPU.

    Raises:
        BadImages: If images cannot be used, or only by guessing.
        UserError: If a file is no image.
    """
    if channels not in (None, "first", "last"):
        raise BadImages(f"channels is {channels!r}; give 'first', 'last', or None if the shape makes it clear")
    if isinstance(images, (str, os.PathLike)) and Path(images).is_dir():
        images = files_in(Path(images), MOST_PIXELS, nested=True)
    if isinstance(images, np.ndarray) and images.dtype.kind in "OU" and images.ndim:  # of images, or of paths
        images = list(images)
    if isinstance(images, (str, os.PathLike, Image.Image)):
        images = [images]
    if isinstance(images, (list, tuple)):
        batch = _batch_of_list(images, facts, channels, resize)
    else:
        array = _as_array(images)
        found = _levels(_with_axes(array, facts.channels, channels))
        _check_levels([found] if array.dtype == np.uint8 else [])
        batch = _fitted(found, facts, resize)
    # A copy: an array of a user may be read-only, or may be changed later.
    return torch.from_numpy(np.array(batch.transpose(0, 3, 1, 2), order="C"))


def _batch_of_list(images: Sequence[Any], facts: ImageFacts, channels: Channels | None, resize: bool) -> Bytes:
    if not images:
        raise BadImages("there are no images; give at least one")
    rows, eight_bit = [], []
    for image in images:
        if isinstance(image, (str, os.PathLike)):
            rows.append(_of_file(Path(image), facts, resize))
        elif isinstance(image, Image.Image):
            rows.append(_of_pil(image, facts, resize))
        else:
            array = _as_array(image)
            found = _levels(_one_image(array, facts.channels, channels)[None])
            eight_bit += [found] if array.dtype == np.uint8 else []
            rows.append(_fitted(found, facts, resize)[0])
    _check_levels(eight_bit)
    return np.stack(rows)


def _of_file(path: Path, facts: ImageFacts, resize: bool) -> Bytes:
    with open_regular(path) as stream, opened(stream, path, MOST_PIXELS) as image:
        return _of_pil(image, facts, resize)


def _of_pil(image: Image.Image, facts: ImageFacts, resize: bool) -> Bytes:
    if image.mode not in EIGHT_BIT_MODES:
        raise BadImages(f"an image has PIL's mode {image.mode}, not 8 bits per channel; convert it to L or RGB")
    if facts.channels not in (1, 3):
        raise BadImages(f"the model takes images of {facts.channels} channels, which no PIL image has; give arrays")
    size = facts.image_size
    if not resize and image.size != (size, size):
        raise _other_size(image.height, image.width, facts)
    return as_pixels(image, size, facts.channels)


def _as_array(images: Any) -> NDArray[Any]:
    """Return an array or a tensor as an array of a type that images may have."""
    if isinstance(images, Tensor):
        if images.dtype == torch.bfloat16:
            raise BadImages("images are bfloat16, which cannot hold 256 levels; give uint8 or float32")
        images = images.detach().cpu().numpy()
    if not isinstance(images, np.ndarray):
        raise BadImages(
            f"images are a {type(images).__name__}; give a NumPy array, a torch tensor, PIL images, image files or a "
            "list of them"
        )
    if images.dtype != np.uint8 and images.dtype.name not in FLOATS:
        hint = "multiply by 255 and convert to uint8" if images.dtype == bool else "convert them"
        raise BadImages(f"images are {images.dtype}; give uint8 in 0..255 or floats in [0, 1]: {hint}")
    if images.size == 0:
        raise BadImages(f"images of shape {images.shape} have no pixels; give at least one image")
    return images


def _levels(images: NDArray[Any]) -> Bytes:
    """Return pixels as bytes.

    Raises:
        BadImages: If floats are not in [0, 1].
    """
    if images.dtype == np.uint8:
        return images
    low, high = float(images.min()), float(images.max())  # NaN if there is one
    if not np.isfinite([low, high]).all():
        raise BadImages("images have pixels that are not finite numbers; repair them")
    if low < -SLACK or high > 1 + SLACK:
        if low < -SLACK:
            hint = "give (x + 1) / 2" if low >= -1 - SLACK and high <= 1 + SLACK else "undo their standardisation"
        else:
            hint = "divide by 255" if high > 16 else f"divide by the value of white, such as {high:g}"
        raise BadImages(f"float images have pixels in [{low:g}, {high:g}], not in [0, 1]: {hint}")
    wide = images.astype(np.float32) if images.dtype == np.float16 else images
    found: Bytes = np.rint(wide * 255).clip(0, 255).astype(np.uint8)
    return found


def _check_levels(images: Sequence[Bytes]) -> None:
    """Refuse uint8 images that hold nothing but 0 and 1: masks, or floats in [0, 1] that lost their decimals."""
    if images and max(int(image.max()) for image in images) == 1:
        raise BadImages(
            "uint8 images have no pixel above 1, so they are masks, or floats that were cut off; multiply masks by 255 "
            "(if they are that dark, give them as floats, divided by 255)"
        )


def _with_axes(images: NDArray[Any], channels: int, given: Channels | None) -> NDArray[Any]:
    """Return a batch or a single image as [N, H, W, C].

    Raises:
        BadImages: If no reading of the shape fits, or more than one.
    """
    if images.ndim == 3:
        return _three_axes(images, channels, given)
    if images.ndim != 4:
        raise BadImages(
            f"images of shape {images.shape} have {images.ndim} axes; give a batch [N, H, W, C] or [N, C, H, W]"
        )
    return _channels_last(images, channels, given)


def _three_axes(images: NDArray[Any], channels: int, given: Channels | None) -> NDArray[Any]:
    """Return one image, or a batch of grey ones [N, H, W], as [N, H, W, C]."""
    first, last = images.shape[0] in ALSO_CHANNELS, images.shape[2] in ALSO_CHANNELS
    if channels == 1 and given is None and not first and not last:
        return images[..., None]
    # With a few images, [N, H, W] looks like [C, H, W].
    if given is None and first and images.shape[0] != 1:
        raise BadImages(
            f"images of shape {images.shape} may be one image [C, H, W] or {images.shape[0]} grey ones; "
            "give channels='first' for one image, or a batch with four axes"
        )
    return _channels_last(images[None], channels, given)


def _one_image(image: NDArray[Any], channels: int, given: Channels | None) -> NDArray[Any]:
    """Return one image of a list as [H, W, C]."""
    if image.ndim == 2:
        image = image[..., None] if given != "first" else image[None]
    if image.ndim != 3:
        raise BadImages(
            f"an image in the list has shape {image.shape}; each must be one image, [H, W, C], [C, H, W] or [H, W]"
        )
    found: NDArray[Any] = _channels_last(image[None], channels, given)[0]
    return found


def _channels_last(images: NDArray[Any], channels: int, given: Channels | None) -> NDArray[Any]:
    """Move the channels of [N, C, H, W] or [N, H, W, C] to the end."""
    shape = images.shape
    readings: dict[Channels, tuple[int, int, int]] = {
        "first": (shape[1], shape[2], shape[3]),
        "last": (shape[3], shape[1], shape[2]),
    }
    fitting = [
        name
        for name, (c, height, width) in readings.items()
        if c == channels and min(height, width) >= 2 and given in (None, name)
    ]
    if len(fitting) == 2:
        raise BadImages(
            f"images of shape {shape} can be read with channels first or last; give channels='first' or 'last'"
        )
    if not fitting:
        kind = {1: "1 channel (grey)", 3: "3 channels (RGB)"}.get(channels, f"{channels} channels")
        where = "" if given is None else f" {given}"
        raise BadImages(
            f"the model takes images with {kind}, but images of shape {shape} have no axis of that size{where}; "
            "convert them, or give PIL images, which are converted as files are"
        )
    return np.moveaxis(images, 1, -1) if fitting == ["first"] else images


def _fitted(images: Bytes, facts: ImageFacts, resize: bool) -> Bytes:
    """Return images [N, H, W, C] in the model's size, resized and cropped as files are."""
    size = facts.image_size
    if images.shape[1:3] == (size, size):
        return images
    if not resize:
        raise _other_size(images.shape[1], images.shape[2], facts)
    if facts.channels not in (1, 3):
        raise BadImages(f"images of {facts.channels} channels cannot be resized; give them as {size} x {size} pixels")
    plain = images[..., 0] if facts.channels == 1 else images
    return np.stack([as_pixels(Image.fromarray(np.ascontiguousarray(one)), size, facts.channels) for one in plain])


def _other_size(height: int, width: int, facts: ImageFacts) -> BadImages:
    return BadImages(
        f"images are {height} x {width} pixels, but the model takes {facts.image_size} x {facts.image_size}; "
        "resize them, or leave out resize=False"
    )
