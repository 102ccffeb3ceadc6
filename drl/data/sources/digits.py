"""scikit-learn's handwritten digits: 1,797 grey images of 8x8 pixels, from the UCI repository."""

from __future__ import annotations

import hashlib
import importlib.metadata

import numpy as np

from drl.config.datasets import DatasetSettings
from drl.data.sources.raw import LabelledImages, Raw, indexed_files, split_pool

_LEVELS = 16


def read(settings: DatasetSettings) -> Raw:
    """Read the digits, scale their levels 0..16 to 0..255, and split each class at random, with a seed.

    Raises:
        UserError: If `settings` asks for more images than there are.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.rint(data.images * (255 / _LEVELS)).astype(np.uint8)[..., None]
    labels = data.target.astype(np.int64)
    classes = tuple(str(name) for name in data.target_names)
    checksum = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    origin = (
        f"load_digits of scikit-learn {importlib.metadata.version('scikit-learn')}, sha256 of its pixels {checksum}"
    )
    return split_pool(LabelledImages(images, labels, indexed_files(labels, classes)), classes, origin, settings)
