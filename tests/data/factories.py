"""Settings and small files in the original layouts."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drl.config.datasets import DatasetSettings


def settings(source: str = "mnist5k", **changes: Any) -> DatasetSettings:
    values: dict[str, Any] = {
        "title": "Test",
        "source": source,
        "classes": 10,
        "channels": 1,
        "image_size": 28,
        "train": 100,
        "test": 20,
        "validation": 10,
    }
    return DatasetSettings.model_validate(values | changes)


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    data = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


@contextmanager
def silent_server(heard: str = "") -> Iterator[str]:
    """Yield the address of a server that takes every call, sends these words, and then neither speaks nor ends."""
    calls = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                calls.append(listener.accept()[0])
                calls[-1].sendall(heard.encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    for call in calls:
        call.close()
