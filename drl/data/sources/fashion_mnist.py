"""Fashion-MNIST (Xiao et al., 2017): 60,000 + 10,000 grey images of 28x28 pixels, from its four idx files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from drl.config.datasets import DatasetSettings
from drl.data.sources.download import cache_folder, fetch
from drl.data.sources.idx import find_idx, read_idx
from drl.data.sources.raw import LabelledImages, Raw, indexed_files
from drl.errors import UserError

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# The checksums are torchvision's, of the gzipped files.
FILES = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}


def read(settings: DatasetSettings) -> Raw:
    """Read the idx files from `settings.folder`, else from Debian's package, else from the cache or the network.

    Raises:
        UserError: If files are missing or damaged, or cannot be downloaded.
    """
    folder = _folder(settings)
    digest = hashlib.sha256()
    train = _read_part(folder, "train", digest)
    test = _read_part(folder, "t10k", digest)
    # Over the uncompressed bytes: Debian's files are packed differently from the original ones, with equal content.
    origin = f"Fashion-MNIST (Xiao et al., 2017), sha256 of the four uncompressed idx files {digest.hexdigest()}"
    return Raw(train, test, CLASSES, origin)


def _folder(settings: DatasetSettings) -> Path:
    if settings.folder is not None:
        return Path(settings.folder).expanduser()
    if _complete(DEBIAN_FOLDER):
        return DEBIAN_FOLDER
    folder = cache_folder() / "fashion-mnist"
    if settings.download:
        # Whole files are not fetched again; one that an interrupted download left cut off is.
        for name, md5 in FILES.items():
            fetch(f"{_URL}{name}.gz", folder, md5)
    elif not _complete(folder):
        raise UserError(
            f"Fashion-MNIST is neither in {DEBIAN_FOLDER} nor in {folder}, and download is off: install Debian's "
            "package dataset-fashion-mnist, set the data set's `folder`, or allow the download"
        )
    return folder


def _complete(folder: Path) -> bool:
    return all(find_idx(folder, name) is not None for name in FILES)


def _read_part(folder: Path, part: str, digest: hashlib._Hash) -> LabelledImages:
    arrays = []
    for name in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
        path = find_idx(folder, name)
        if path is None:
            raise UserError(f"{folder} holds neither {name}.gz nor {name}: set `folder` to where the idx files lie")
        array, content = read_idx(path)
        digest.update(content)
        arrays.append(array)
    images, labels = arrays[0], arrays[1].astype(np.int64)
    if images.ndim != 3 or labels.shape != (len(images),) or labels.max(initial=0) >= len(CLASSES):
        raise UserError(
            f"{folder}: {part} images {images.shape} and labels {labels.shape} do not belong together, or a label is "
            f"above {len(CLASSES) - 1}: fetch both files again"
        )
    return LabelledImages(images[..., None], labels, indexed_files(labels, CLASSES))
