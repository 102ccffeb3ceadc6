"""The one reader of CSV: row by row, so that a file takes no more memory than what its reader keeps of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from drl.data.regular import open_regular

MOST_BYTES = 2**25  # a million rows of two numbers and a name
MOST_ROWS = 2**20
MOST_CELLS = 200  # of a row
MOST_LETTERS = 2**16  # of a row


def read_rows(path: Path, most_bytes: int = MOST_BYTES, most_rows: int = MOST_ROWS) -> Iterator[list[str]]:
    """Yield the header of a CSV with commas, and then its rows, which have as many cells; blank lines are left out.

    Args:
        path: The file.
        most_bytes: The most bytes that it may have.
        most_rows: The most lines that it may have after the header.

    Raises:
        UserError: If it is missing, not a regular file, or larger.
        ValueError: If it is something else; the message says what, in a few words.
    """
    header: list[str] = []
    with open_regular(path, most_bytes) as stream, io.TextIOWrapper(stream, "utf-8", newline="") as text:
        reader = csv.reader(_lines(text, most_rows + 1), strict=True)
        try:
            for cells in reader:
                header = header or cells
                if len(cells) > MOST_CELLS or len(set(header)) < len(header):
                    raise ValueError(f"it has a column twice, or more than {MOST_CELLS} columns")
                if cells and len(cells) != len(header):
                    raise ValueError(f"line {reader.line_num}: a row has too few or too many cells")
                if cells:
                    yield cells
        except UnicodeDecodeError as error:
            raise ValueError("it is not text in UTF-8") from error
        except csv.Error as error:
            raise ValueError(str(error)) from error


def _lines(text: io.TextIOWrapper, most: int) -> Iterator[str]:
    for number in range(1, most + 2):
        line = text.readline(MOST_LETTERS + 1)
        if not line:
            return
        if number > most:
            raise ValueError(f"it has more than {most:,} lines")
        if len(line) > MOST_LETTERS:
            raise ValueError(f"line {number} has more than {MOST_LETTERS:,} letters")
        if line.count('"') % 2:
            raise ValueError(f"line {number}: a quotation mark is not closed")
        yield line
