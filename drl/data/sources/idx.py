"""The idx format of MNIST's original files, plain or gzipped."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from drl.errors import UserError

_UINT8 = 8


def find_idx(folder: Path, name: str) -> Path | None:
    """Return `folder/name.gz` if it exists, else `folder/name` if that exists, else None."""
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def read_idx(path: Path) -> tuple[NDArray[np.uint8], bytes]:
    """Read an idx file of bytes.

    Args:
        path: The file; it is gunzipped if its name ends in `.gz`.

    Returns:
        The array in the shape that the header declares, and the uncompressed bytes of the file, for a checksum.

    Raises:
        UserError: If the file is missing or not idx, or its length does not match its header.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read ({error}): fetch it again") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UINT8:
        raise UserError(f"{path} is not an idx file of bytes: fetch it again")
    header = 4 + 4 * data[3]
    if len(data) < header:
        raise UserError(f"{path} is truncated within its header: fetch it again")
    shape = struct.unpack(f">{data[3]}I", data[4:header])
    expected = int(np.prod(shape, dtype=np.int64))
    if len(data) - header != expected:
        raise UserError(f"{path} holds {len(data) - header} bytes but its header declares {expected}: fetch it again")
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape), data
