"""Opening safetensors files with names from users: only regular files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import safe_open

from drl.data.regular import check_not_special


@contextmanager
def open_tensors(path: Path, framework: str = "pt") -> Iterator[Any]:
    """Open a file as safetensors.safe_open does, which would wait forever for a FIFO.

    Args:
        path: The file.
        framework: `pt` or `np`.

    Raises:
        FileNotFoundError: If it is missing.
        safetensors.SafetensorError: If it is damaged.
        UserError: If it is a FIFO, a socket, a device or a folder.
    """
    check_not_special(path)
    with safe_open(str(path), framework=framework) as file:
        yield file
