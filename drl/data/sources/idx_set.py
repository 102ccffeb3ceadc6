"""Sets of images in MNIST's own format: four idx files, from a folder, a package of the system or the network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from drl.config.datasets import DatasetSettings
from drl.data.sources.download import cache_folder, fetch
from drl.data.sources.idx import find_idx, read_idx
from drl.data.sources.raw import LabelledImages, Raw, indexed_files
from drl.errors import UserError


@dataclass(frozen=True)
class IdxSet:
    """What tells one such set from another.

    Attributes:
        title: For messages.
        citation: For cards.
        cache: Its folder in the cache of downloads.
        url: Where the gzipped files lie.
        files: Name of each file to the MD5 of its gzipped form.
        classes: Names of the classes.
        system_folder: Where a package of the system puts the files, and the package's name; None: no such package.
    """

    title: str
    citation: str
    cache: str
    url: str
    files: Mapping[str, str]
    classes: tuple[str, ...]
    system_folder: tuple[Path, str] | None = None


def read_idx_set(known: IdxSet, settings: DatasetSettings) -> Raw:
    """Read the files from `settings.folder`, else from the system's package, else from the cache or the network.

    Raises:
        UserError: If files are missing or damaged, or cannot be downloaded.
    """
    folder = _folder(known, settings)
    digest = hashlib.sha256()
    train = _read_part(known, folder, "train", digest)
    test = _read_part(known, folder, "t10k", digest)
    # Over the uncompressed bytes: packages pack the files differently from the original ones, with equal content.
    origin = f"{known.citation}, sha256 of the four uncompressed idx files {digest.hexdigest()}"
    return Raw(train, test, known.classes, origin)


def _folder(known: IdxSet, settings: DatasetSettings) -> Path:
    if settings.folder is not None:
        return Path(settings.folder).expanduser()
    if known.system_folder is not None and _complete(known, known.system_folder[0]):
        return known.system_folder[0]
    folder = cache_folder() / known.cache
    if settings.download:
        # Whole files are not fetched again; one that an interrupted download left cut off is.
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
        digest.update(content)
        arrays.append(array)
    images, labels = arrays[0], arrays[1].astype(np.int64)
    if images.ndim != 3 or labels.shape != (len(images),) or labels.max(initial=0) >= len(known.classes):
        raise UserError(
            f"{folder}: {part} images {images.shape} and labels {labels.shape} do not belong together, or a label is "
            f"above {len(known.classes) - 1}: fetch both files again"
        )
    return LabelledImages(images[..., None], labels, indexed_files(labels, known.classes))
