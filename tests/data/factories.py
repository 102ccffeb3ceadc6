"""Settings and small files in the original layouts."""

from __future__ import annotations

import gzip
import struct
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
