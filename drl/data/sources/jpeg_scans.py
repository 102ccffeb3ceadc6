"""How often a decoder goes over the pixels of a JPEG: a small progressive file may have thousands of scans of all."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

# A marker that is followed by a segment, or by the end: not a byte of data (00), a restart (D0 to D7) or filling.
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd8-\xfe])")
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
_PIECE = 2**16
MOST_SEGMENTS = 10_000  # a profile or notes of ten megabytes are 160


def scans(stream: BinaryIO, most: int) -> int:
    """Count the scans of the first image in a JPEG file, up to one more than `most`. Entropy-coded data is not decoded.

    As libjpeg does, it ends at the end of the image (what cameras put behind it may hold anything), and after the first
    scan of a sequential image if that has all components. It reads a piece at a time, and leaves the place as it was.

    Args:
        stream: The file.
        most: The largest number that matters.

    Returns:
        The number; `most` + 1 too if there are more segments than any program writes.
    """
    place = stream.tell()
    try:
        stream.seek(0)
        return _count(stream, most)
    finally:
        stream.seek(place)


def _count(stream: BinaryIO, most: int) -> int:
    found, sequential, components = 0, False, 0
    for _ in range(MOST_SEGMENTS):
        marker = _next_marker(stream)
        if marker is None or marker == _END:
            return found
        if marker == _START:
            continue
        segment = stream.read(max(int.from_bytes(stream.read(2)) - 2, 0))
        if marker in _FRAMES:
            sequential, components = marker in _SEQUENTIAL, segment[5] if len(segment) > 5 else 0
        if marker == _SCAN:
            found += 1
            if found > most or (sequential and segment[:1] == bytes([components])):
                return found
    return most + 1


def _next_marker(stream: BinaryIO) -> int | None:
    """Move behind the next marker, and return its second byte; None at the end of the file."""
    while piece := stream.read(_PIECE):
        if match := _MARKER.search(piece):
            stream.seek(match.end() - len(piece), io.SEEK_CUR)
            return match[1][0]
        if piece.endswith(b"\xff") and len(piece) > 1:
            stream.seek(-1, io.SEEK_CUR)
    return None
