"""Facts about a folder of class folders that are known before any job starts. Needs only Python and Pillow."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drl.config.datasets import MOST_PIXELS
from drl.data.json_text import read_note, write_note
from drl.data.regular import check_regular, shown
from drl.data.sources.image_file import decode
from drl.data.sources.image_folder import class_files, class_folders
from drl.errors import UserError
from drl.files import fingerprint

GREY_MODES = {"1", "L", "LA", "La"}
KEYS, MOST_BYTES = {"listing", "grey", "digest"}, 10_000  # of a note
MANY = 2000  # images; reading more than this is announced


@dataclass(frozen=True)
class FolderFacts:
    """A folder of class folders.

    Attributes:
        classes: Names of the class folders, in the order of the classes.
        train: Number of images per class: those for training if the folder is split, else all.
        test: Number of images per class for testing; None if the folder is not split.
        grey: Whether all files are stored as grey images.
        contents: Digest of the names and bytes of all files.
        listing: Digest of their names, sizes and times of change.
    """

    classes: tuple[str, ...]
    train: tuple[int, ...]
    test: tuple[int, ...] | None
    grey: bool
    contents: str
    listing: str


def read_folder(root: Path, cache: Path | None = None, most_pixels: int = MOST_PIXELS) -> FolderFacts:
    """Count the images of a folder and make sure that each can be read.

    Every file is decoded once. A note in `cache` avoids this until a name, a size or a time of a change is another.

    Args:
        root: The folder, with class folders, or with train/ and test/ that hold them.
        cache: The folder of the notes; None: no notes.
        most_pixels: The most pixels of an image.

    Raises:
        UserError: If there is no such folder, its class folders do not fit, or a file is not an image.
    """
    parts = class_folders(root)
    files = {name: [class_files(folder) for folder in folders] for name, folders in parts.items()}
    paths = [path for classes in files.values() for known in classes for path in known]
    stats = [check_regular(path) for path in paths]
    names = [path.relative_to(root).as_posix() for path in paths]
    counts = {name: tuple(len(known) for known in classes) for name, classes in files.items()}
    first = next(iter(parts))
    # Another file may get an old one's time of modification, as with `cp -p`, but not that of its last change.
    listing = fingerprint(names, [[s.st_size, s.st_mtime_ns, s.st_ctime_ns] for s in stats], most_pixels)
    grey, digest = _read_files(root, paths, listing, cache, most_pixels)
    return FolderFacts(
        classes=tuple(folder.name for folder in parts[first]),
        train=counts[first],
        test=counts.get("test"),
        grey=grey,
        contents=fingerprint(names, digest),
        listing=listing,
    )


def _read_files(
    root: Path, paths: Sequence[Path], listing: str, cache: Path | None, most_pixels: int
) -> tuple[bool, str]:
    """Decode all files, unless a note says that they were decoded before.

    Returns:
        Whether all are grey, and a digest of their bytes.
    """
    note = None if cache is None else cache / "folders" / f"{fingerprint(os.path.abspath(root))}.json"
    if note is not None:
        known = read_note(note, KEYS, MOST_BYTES)
        if known is not None and known["listing"] == listing:
            return bool(known["grey"]), str(known["digest"])
    if len(paths) > MANY:
        print(f"drl: checking the {len(paths):,} images of {shown(root)}, once", file=sys.stderr, flush=True)
    found = list(_decoded(paths, most_pixels))
    grey, digest = {mode for mode, _ in found} <= GREY_MODES, fingerprint([digest for _, digest in found])
    if note is not None:
        # If the cache cannot be written, only time is lost.
        try:
            write_note(note, {"listing": listing, "grey": grey, "digest": digest}, MOST_BYTES)
        except UserError as error:
            print(f"drl: {error}; until then, the images of {shown(root)} are checked each time", file=sys.stderr)
        except OSError:
            pass
    return grey, digest


def _decoded(paths: Sequence[Path], most_pixels: int) -> Iterator[tuple[str, str]]:
    """Decode each image and yield its mode and SHA-256; an error names the first file that cannot be read."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            yield from pool.map(decode, paths, itertools.repeat(most_pixels))
        except UserError:
            pool.shutdown(cancel_futures=True)
            raise
