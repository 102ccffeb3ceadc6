"""Images that a user gives as files in a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drl.data.regular import check_name, shown
from drl.data.sources.image_file import check_header
from drl.errors import UserError


def files_in(folder: Path, most_pixels: int, *, nested: bool = False) -> list[Path]:
    """Return the image files of a folder in the order of their paths, without hidden ones; their headers are checked.

    Args:
        folder: The folder.
        most_pixels: Pixels that an image may have.
        nested: Include the images of folders within it. Links to files are followed, links to folders are not.

    Raises:
        UserError: If it is not a folder or contains no files, or something in it is no image that is read, is too
            large, cannot be read, or has a name that is not UTF-8.
    """
    if not folder.is_dir():
        raise UserError(f"{shown(folder)}: is not a folder; give one with images")
    paths, folders = [], [folder]
    while folders:
        for path in _visible(folders.pop()):
            if not path.is_dir():
                paths.append(path)
            elif nested and not path.is_symlink():
                folders.append(path)
            else:
                continue
            check_name(path)
    if not paths:
        raise UserError(f"{shown(folder)}: contains no images; add some")
    paths.sort(key=lambda path: path.relative_to(folder).parts)
    for path in paths:
        check_header(path, most_pixels)
    return paths


def as_batch(images: Sequence[NDArray[np.uint8]]) -> Tensor:
    """Return images [H, W, C] as uint8 [N, C, H, W]."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def _visible(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise UserError(f"{shown(folder)}: cannot be read ({error.strerror}); repair or remove it") from error
