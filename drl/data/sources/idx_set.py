"""Data sets in MNIST's format: four idx files from a folder, a system package or the network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drl.config.datasets import MOST_PIXELS, DatasetSettings
from drl.data.sources.download import cache_folder, fetch
from drl.data.sources.idx import find_idx, read_idx
from drl.data.sources.raw import LabelledImages, Raw, indexed_files
from drl.errors import UserError
from drl.out_places import home_path


@dataclass(frozen=True)
class IdxSet:
    """Description of one such data set.

    Attributes:
        title: Name in messages.
        citation: Citation for run cards.
        cache: Name of its folder in the download cache.
        url: Address of the folder with the gzipped files.
        files: MD5 of the gzipped form of each file, by file name.
        classes: Class names.
        system_folder: Folder where a system package puts the files, and the package's name; None if there is none.
    """

    title: str
    citation: str
    cache: str
    url: str
    files: Mapping[str, str]
    classes: tuple[str, ...]
    system_folder: tuple[Path, str] | None = None


def read_idx_set(known: IdxSet, settings: DatasetSettings) -> Raw:
    """Read the files from `settings.folder` if set, else from the system package, the cache or the network.

    Raises:
        UserError: If files are missing or damaged, or cannot be downloaded.
    """
    folder = _folder(known, settings)
    digest = hashlib.sha256()
    train = _read_part(known, folder, "train", digest)
    test = _read_part(known, folder, "t10k", digest)
    # The checksum covers uncompressed bytes, because packages compress the same content differently.
    origin = f"{known.citation}, sha256 of the four uncompressed idx files {digest.hexdigest()}"
    return Raw(train, test, known.classes, origin)


def _folder(known: IdxSet, settings: DatasetSettings) -> Path:
    if settings.folder is not None:
        return home_path(settings.folder)
    if known.system_folder is not None and _complete(known, known.system_folder[0]):
        return known.system_folder[0]
    folder = cache_folder() / known.cache
    if settings.download:
        # Complete files are not fetched again; a file truncated by an interrupted download is.
        for name, md5 in known.files.items():
            fetch(f"{known.url}{name}.gz", folder, md5)
    elif not _complete(known, folder):
        places, package = str(folder), ""
        if known.system_folder is not None:
            places = f"{known.system_folder[0]} nor in {folder}"
            package = f"install Debian's package {known.system_folder[1]}, "
        raise UserError(
            f"{known.title} is {'neither ' if package else 'not '}in {places}, and download is off: {package}set the "
            "data set's `folder`, or allow the download"
        )
    return folder


def _complete(known: IdxSet, folder: Path) -> bool:
    return all(find_idx(folder, name) is not None for name in known.files)


def _read_part(known: IdxSet, folder: Path, part: str, digest: hashlib._Hash) -> LabelledImages:
    arrays = []
    for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
        path = find_idx(folder, name)
        if path is None:
            raise UserError(f"{folder} holds neither {name}.gz nor {name}: set `folder` to where the idx files lie")
        array, content = read_idx(path)
        plain = path.with_suffix("") if path.suffix == ".gz" else path
        if plain != path and plain.is_file() and read_idx(plain)[1] != content:
            raise UserError(f"{plain} and {path.name} hold different data; remove one of them")
        digest.update(content)
        arrays.append(array)
    images, labels = arrays[0], arrays[1].astype(np.int64)
    if (
        images.ndim != 3
        or 0 in images.shape
        or labels.shape != (len(images),)
        or labels.max(initial=0) >= len(known.classes)
    ):
        raise UserError(
            f"{folder}: {part} images {images.shape} and labels {labels.shape} do not belong together, or a label is "
            f"above {len(known.classes) - 1}: fetch both files again"
        )
    if images[0].size > MOST_PIXELS:
        raise UserError(
            f"{folder}: {part} images have {images[0].size:,} pixels each, more than {MOST_PIXELS:,}: shrink them"
        )
    return LabelledImages(images[..., None], labels, indexed_files(labels, known.classes))
