"""Writing codes a few rows at a time, on disk space that is reserved first; a full disk keeps the finished rows."""

from __future__ import annotations

import csv
import errno
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.format import write_array_header_1_0
from numpy.typing import NDArray

from drl.data.regular import open_regular
from drl.errors import UserError
from drl.files import FULL, atomic

_NOT_SUPPORTED = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


class Codes:
    """A .npy that is filled from its first row to its last.

    It is not mapped into memory: where a disk is full, writing to a map kills the process (SIGBUS).

    Attributes:
        done: Rows that were written.
    """

    def __init__(self, stream: BinaryIO, shape: tuple[int, ...]) -> None:
        """Write the header, and reserve the space of all rows.

        Args:
            stream: A new file, opened without a buffer.
            shape: Shape of the array; its first axis counts rows.

        Raises:
            OSError: If there is no room.
        """
        self.done = 0
        self._stream, self._shape = stream, shape
        self._header(shape[0])
        self._start = stream.tell()
        self._row = 4 * math.prod(shape[1:])
        _reserve(stream.fileno(), self._start + self._row * shape[0])

    def write(self, rows: NDArray[np.float32]) -> None:
        """Append float32 rows [n, ...].

        Raises:
            OSError: If there is no room.
        """
        left = memoryview(np.ascontiguousarray(rows, dtype="<f4").tobytes())
        # Without a buffer, a disk that becomes full may take only a part.
        while left:
            left = left[self._stream.write(left) :]
        self.done += len(rows)

    def cut(self) -> None:
        """Shorten the file to the rows that were written. This needs no more space."""
        os.ftruncate(self._stream.fileno(), self._start + self._row * self.done)
        self._stream.seek(0)
        # As long as before: numpy leaves room for a number of rows of any length.
        self._header(self.done)

    def _header(self, rows: int) -> None:
        shape = (rows, *self._shape[1:])
        write_array_header_1_0(self._stream, {"descr": "<f4", "fortran_order": False, "shape": shape})


@contextmanager
def code_file(out: Path, table: Path, names: Sequence[str], shape: tuple[int, ...]) -> Iterator[Codes]:
    """Write `out` and `table` atomically: codes, and a CSV that names the file of each row.

    The table is written, and the space of the codes reserved, before the block begins. If the disk is full all the
    same before its end, the rows so far and their names are kept in files of their own; old files stay as they were.

    Args:
        out: The .npy, float32.
        table: The .csv.
        names: A name for each row, without line breaks.
        shape: Shape of the array.

    Raises:
        UserError: If the disk is full; the message says what was kept.
    """
    codes = None
    with atomic(table) as listed, atomic(out) as temporary:
        try:
            _write_names(listed, names)
            # Without a buffer, so that nothing is left to be written when it is cut and closed.
            with temporary.open("wb", buffering=0) as stream:
                codes = Codes(stream, shape)
                try:
                    yield codes
                except OSError as error:
                    if error.errno in FULL and codes.done:
                        codes.cut()
                    raise
        except OSError as error:
            if error.errno not in FULL or codes is None or not codes.done:
                raise
            part, known = of_part(out)
            _cut_names(listed, codes.done)
            os.replace(temporary, part)
            os.replace(listed, known)
            raise UserError(
                f"{out}: cannot be written, {FULL[error.errno]}; {part} and {known} hold the first {codes.done:,} of "
                f"{shape[0]:,} codes; make room and run the same command again"
            ) from error


def of_part(out: Path) -> tuple[Path, Path]:
    """Return the files that keep the rows so far if the disk becomes full."""
    return out.with_name(f"{out.stem}.part.npy"), out.with_name(f"{out.stem}.part.csv")


def _reserve(descriptor: int, size: int) -> None:
    # Not on macOS; some file systems cannot.
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in _NOT_SUPPORTED:
                raise


def _write_names(path: Path, names: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["row", "file"])
        writer.writerows(enumerate(names))


def _cut_names(path: Path, rows: int) -> None:
    """Keep only the heading and the first `rows` rows."""
    with open_regular(path) as stream:
        length = sum(len(stream.readline()) for _ in range(rows + 1))
    os.truncate(path, length)
