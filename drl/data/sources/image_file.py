"""Reading one image file of unknown origin: supported formats, the largest size, and decoding to pixels."""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from drl.config.datasets import MOST_PIXELS
from drl.data.regular import open_regular, read_regular, shown
from drl.data.sources.jpeg_scans import scans
from drl.errors import UserError

# Image formats that Pillow decodes itself; JPEG includes MPO. Excluded are EPS, which starts Ghostscript; WMF, which
# uses the system; ICO, ICNS and AVIF, whose images may differ in size from their header; JPEG 2000, whose decoder takes
# a thousand times the memory of the image if the file asks for tiny tiles.
_READ = ["BMP", "DIB", "GIF", "JPEG", "PCX", "PNG", "PPM", "QOI", "SGI", "TGA", "TIFF", "WEBP"]
# Older versions of Pillow lack some.
Image.init()
FORMATS = tuple(name for name in _READ if name in Image.OPEN)
EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "LAB", "HSV"}
_BYTES_PER_PIXEL, _HEADER = 4, 2**26  # bounds of the largest file: uncompressed, with a large profile and thumbnail
_MOST_SCANS = 100  # of a JPEG; programs write ten at most
_LARGE = 2**24  # pixels; larger images are decoded one at a time, so that threads together use the memory of one
_ONE_AT_A_TIME = threading.RLock()
TIFF_TILE_WIDTH, TIFF_TILE_LENGTH = 322, 323  # tags

# Between its limit and twice its limit, Pillow only warns.
warnings.simplefilter("error", Image.DecompressionBombWarning)


def read_image(path: Path, size: int, channels: int, most_pixels: int = MOST_PIXELS) -> tuple[NDArray[np.uint8], bytes]:
    """Read one image file: return the result of `load_image`, and the file's bytes.

    Raises:
        UserError: If it is not a regular file, or as `load_image`.
    """
    data = read_regular(path, _most_bytes(most_pixels))
    return load_image(data, path, size, channels, most_pixels), data


def _most_bytes(most_pixels: int) -> int:
    return _BYTES_PER_PIXEL * most_pixels + _HEADER


def load_image(data: bytes, path: Path, size: int, channels: int, most_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """Decode one image, apply its EXIF orientation, and resize and crop it to size x size.

    Args:
        data: The file's bytes.
        path: Path to name in messages.
        size: Height and width in pixels.
        channels: 1 for grey, 3 for RGB.
        most_pixels: Pixels that the image may have.

    Returns:
        uint8 [size, size, channels].

    Raises:
        UserError: If it is not an image, is damaged or too large, or does not have 8 bits per channel.
    """
    with opened(io.BytesIO(data), path, most_pixels) as found:
        return as_pixels(found, size, channels)


def as_pixels(image: Image.Image, size: int, channels: int) -> NDArray[np.uint8]:
    """Apply an image's EXIF orientation, convert it to grey or RGB, and resize and crop it to size x size.

    Args:
        image: An image of one of EIGHT_BIT_MODES.
        size: Height and width in pixels.
        channels: 1 for grey, 3 for RGB.

    Returns:
        uint8 [size, size, channels].
    """
    image = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    if image.size != (size, size):
        image = _short_side_and_centre(image, size)
    return np.asarray(image, dtype=np.uint8).reshape(size, size, channels)


def decode(path: Path, most_pixels: int = MOST_PIXELS) -> tuple[str, str]:
    """Decode a whole image file; return its mode as Pillow calls it, and the SHA-256 of the file.

    Raises:
        UserError: As `read_image`.
    """
    with open_regular(path, _most_bytes(most_pixels)) as stream, opened(stream, path, most_pixels) as image:
        image.load()
        mode = image.mode
        stream.seek(0)
        return mode, hashlib.file_digest(stream, "sha256").hexdigest()


def check_header(path: Path, most_pixels: int = MOST_PIXELS) -> None:
    """Check an image file as far as possible without decoding it.

    Raises:
        UserError: If it is not a regular file, not a supported image, or too large.
    """
    with open_regular(path) as stream, opened(stream, path, most_pixels):
        pass


@contextmanager
def opened(source: BinaryIO, path: Path, most_pixels: int) -> Iterator[Image.Image]:
    """Open an image of 8 bits per channel. Errors about it inside the block become one-line messages.

    Args:
        source: The file.
        path: Path to name in messages.
        most_pixels: Pixels that the image may have.

    Raises:
        UserError: If it is not an image, is damaged or too large, or does not have 8 bits per channel.
    """
    # Pillow's own limit also applies to parts of a file, such as frames. All threads share it, so it is only raised.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, most_pixels)
    try:
        with Image.open(source, formats=FORMATS) as image:
            pixels = max(image.width * image.height, _largest_part(image))
            if pixels > most_pixels:
                raise Image.DecompressionBombError
            if image.mode not in EIGHT_BIT_MODES:
                raise UserError(
                    f"{shown(path)} is an image of mode {image.mode}, not 8 bits per channel: convert it first"
                )
            if image.format in ("JPEG", "MPO") and scans(source, _MOST_SCANS) > _MOST_SCANS:
                raise UserError(
                    f"{shown(path)} is a JPEG of more than {_MOST_SCANS} scans, which a decoder goes over one by one: "
                    "save it anew, or remove it"
                )
            with _ONE_AT_A_TIME if pixels > _LARGE else contextlib.nullcontext():
                yield image
    except UserError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"{shown(path)} has more than {most_pixels:,} pixels: shrink or remove it, or raise run.image_pixels"
        ) from error
    except UnidentifiedImageError as error:
        raise UserError(
            f"{shown(path)} is not a readable image (of {', '.join(FORMATS)}): convert or remove it"
        ) from error
    # A damaged image can make Pillow raise any exception.
    except Exception as error:
        raise UserError(f"{shown(path)} is not a readable image ({_reason(error)}): repair or remove it") from error


def _largest_part(image: Image.Image) -> int:
    """Return the pixels that a TIFF's decoder holds at once: a tile may be larger than the image."""
    tags = getattr(image, "tag_v2", {})
    tile = [tags.get(tag, 0) for tag in (TIFF_TILE_WIDTH, TIFF_TILE_LENGTH)]
    return math.prod(size if isinstance(size, int) else MOST_PIXELS for size in tile)


def _reason(error: Exception) -> str:
    """Return an error's text in one line, without the name of bytes in memory, which means nothing to users."""
    text = " ".join(re.sub(r"<_io\.\w+[^>]*>", "the file", str(error)).split())
    return shown(text.encode("utf-8", "backslashreplace").decode()) or type(error).__name__


def _short_side_and_centre(image: Image.Image, size: int) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    # Cropping with `box` does both in one antialiased pass.
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
