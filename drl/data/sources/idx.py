"""The idx format of MNIST's original files, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from drl.data.regular import open_regular
from drl.errors import UserError

_UINT8 = 8
_AXES = 3  # images, rows, columns; labels have one
MOST_BYTES = 2**30  # of a file's array: MNIST's is 47 million bytes, that of its largest relatives 640 million


def find_idx(folder: Path, name: str) -> Path | None:
    """Return `folder/name.gz` if it exists, else `folder/name` if that exists, else None."""
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read_idx(path: Path, most: int = MOST_BYTES) -> tuple[NDArray[np.uint8], bytes]:
    """Read an idx file of bytes. No more is read, or unpacked, than its header declares.

    Args:
        path: The file; it is gunzipped if its name ends in `.gz`.
        most: Bytes that its array may have.

    Returns:
        The array in the shape that the header declares, and the uncompressed bytes of the file, for a checksum.

    Raises:
        UserError: If the file is missing or not idx, its header declares more than `most` bytes or three axes, or its
            length does not match its header.
    """
    try:
        # Compressed data is hardly longer than what it holds.
        with open_regular(path, most + most // 100 + 2**12) as raw:
            unpacked = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            return _parsed(cast("IO[bytes]", unpacked), path, most)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): fetch it again") from error


def _parsed(stream: IO[bytes], path: Path, most: int) -> tuple[NDArray[np.uint8], bytes]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != _UINT8:
        raise UserError(f"{path} is not an idx file of bytes: fetch it again")
    axes = start[3]
    if axes > _AXES:
        raise UserError(f"{path} declares {axes} axes, and images have {_AXES}: fetch it again")
    header = start + stream.read(4 * axes)
    if len(header) < 4 + 4 * axes:
        raise UserError(f"{path} is truncated within its header: fetch it again")
    shape = struct.unpack(f">{axes}I", header[4:])
    expected = math.prod(shape)
    if expected > most:
        raise UserError(f"{path} declares {expected:,} bytes, and {most:,} are the most that are read: fetch it again")
    # One byte more shows whether there are more.
    content = stream.read(expected + 1)
    if len(content) != expected:
        found = "more" if len(content) > expected else f"{len(content):,}"
        raise UserError(f"{path} holds {found} bytes but its header declares {expected:,}: fetch it again")
    data = header + content
    return np.frombuffer(data, dtype=np.uint8, offset=len(header)).reshape(shape), data
