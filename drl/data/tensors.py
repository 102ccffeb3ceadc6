"""Opening safetensors files with names from users: only regular files, and no name twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from drl.data import json_text
from drl.data.regular import check_not_special, open_regular
from drl.errors import clean

MOST_HEADER = 100_000_000  # bytes, as in the library


@contextmanager
def open_tensors(path: Path, framework: str = "pt") -> Iterator[Any]:
    """Open a file as safetensors.safe_open does, which waits forever for a FIFO and keeps the last of two equal names.

    Args:
        path: The file.
        framework: `pt` or `np`.

    Raises:
        FileNotFoundError: If it is missing.
        safetensors.SafetensorError: If it is damaged, or a tensor or an entry of its header stands there twice.
        UserError: If it is a FIFO, a socket, a device or a folder.
    """
    check_not_special(path)
    if path.exists():
        _check_names(path)
    with safe_open(str(path), framework=framework) as file:
        yield file


def _check_names(path: Path) -> None:
    with open_regular(path) as stream:
        try:
            length = int.from_bytes(stream.read(8), "little")
            header = json_text.load(stream.read(length) if length <= MOST_HEADER else b"")
            # What files of ours say of themselves is JSON in an entry of the header.
            said = header.get("__metadata__") if isinstance(header, dict) else None
            for text in said.values() if isinstance(said, dict) else ():
                if isinstance(text, str) and text.lstrip().startswith("{"):
                    json_text.load(text)
        except (ValueError, RecursionError) as error:
            raise SafetensorError(f"its header: {clean(error, 160)}") from error
