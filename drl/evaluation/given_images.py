"""Images that a user gives as files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drl.errors import UserError


def files_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Return the files of a folder in the order of their paths, without hidden files and hidden folders.

    Raises:
        UserError: If it is not a folder, or contains no files.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder; give one with images")
    parts = {path: path.relative_to(folder).parts for path in folder.glob(pattern) if path.is_file()}
    paths = [path for path, names in parts.items() if not any(name.startswith(".") for name in names)]
    if not paths:
        raise UserError(f"{folder}: contains no images; add some")
    return sorted(paths, key=parts.__getitem__)


def as_batch(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Return images [H, W, C] as uint8 [N, C, H, W]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
