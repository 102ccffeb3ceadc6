"""What can be known of a folder of class folders before any job starts. Pure Python and Pillow."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drl.data.sources.image_folder import class_files, class_folders, opened
from drl.errors import UserError
from drl.files import fingerprint, write_json

GREY_MODES = {"1", "L", "LA", "La"}
SPLIT_NAMES = {"train", "test", "val", "valid", "validation"}
MANY = 2000  # images; reading more is announced


@dataclass(frozen=True)
class FolderFacts:
    """A folder of class folders.

    Attributes:
        classes: Names of the class folders, in the order of the classes.
        train: Images of each class, for training where the folder is split, else all.
        test: Likewise for testing; None where the folder is not split.
        grey: Whether all files are stored as grey images.
        contents: Stands for names and sizes of all files.
    """

    classes: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...] | None
    grey: bool
    contents: str


def read_folder(root: Path, cache: Path | None = None) -> FolderFacts:
    """Count the images of a folder and make sure that each can be read.

    Every file is decoded once; as long as no name, size or time of change differs, a note in `cache` spares that.

    Args:
        root: The folder, with class folders, or with train/ and test/ that hold them.
        cache: Where notes are kept; None: nowhere.

    Raises:
        UserError: If there is no such folder, its class folders do not fit, or a file is no image.
    """
    parts = class_folders(_with_whole_split(root))
    files = {name: [class_files(folder) for folder in folders] for name, folders in parts.items()}
    paths = [path for classes in files.values() for known in classes for path in known]
    stats = [_stat(path) for path in paths]
    names = [path.relative_to(root).as_posix() for path in paths]
    counts = {name: tuple(len(known) for known in classes) for name, classes in files.items()}
    first = next(iter(parts))
    return FolderFacts(
        classes=tuple(folder.name for folder in parts[first]),
        train=counts[first],
        test=counts.get("test"),
        grey=_all_grey(root, paths, fingerprint(names, [[s.st_size, s.st_mtime_ns] for s in stats]), cache),
        contents=fingerprint(names, [s.st_size for s in stats]),
    )


def _with_whole_split(root: Path) -> Path:
    """Refuse a folder with half a split: its train/ would be taken for a class."""
    found = {name for name in SPLIT_NAMES if (root / name).is_dir()}
    if found and not {"train", "test"} <= found:
        missing = " and ".join(f"{name}/" for name in ("train", "test") if name not in found)
        raise UserError(
            f"{root} holds {', '.join(f'{name}/' for name in sorted(found))} but no {missing}: give it train/ and "
            "test/ with class folders in each, or class folders alone"
        )
    return root


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): mend or remove it") from error


def _all_grey(root: Path, paths: Sequence[Path], listing: str, cache: Path | None) -> bool:
    """Decode all files, unless a note says that they were decoded before; say whether all of them are grey."""
    note = None if cache is None else cache / "folders" / f"{fingerprint(os.path.abspath(root))}.json"
    if note is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(note.read_text(encoding="utf-8"))
            if known["listing"] == listing:
                return bool(known["grey"])
    if len(paths) > MANY:
        print(f"drl: checking the {len(paths):,} images of {root}, once", file=sys.stderr, flush=True)
    grey = set(_modes(paths)) <= GREY_MODES
    if note is not None:
        # A cache that cannot be written costs time alone.
        with contextlib.suppress(OSError, UserError):
            write_json(note, {"listing": listing, "grey": grey})
    return grey


def _modes(paths: Sequence[Path]) -> Iterator[str]:
    """Yield the mode of each image, all of it decoded; of files that cannot be read the first is named."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(_mode, paths)
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise


def _mode(path: Path) -> str:
    with opened(path, path) as image:
        image.load()
        return image.mode
