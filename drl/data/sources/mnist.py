"""MNIST (LeCun et al., 1998): 60,000 + 10,000 grey images of 28x28 pixels."""

from __future__ import annotations

from drl.config.datasets import DatasetSettings
from drl.data.sources.idx_set import IdxSet, read_idx_set
from drl.data.sources.raw import Raw

MNIST = IdxSet(
    title="MNIST",
    citation="MNIST (LeCun et al., 1998)",
    cache="mnist",
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    # The checksums are torchvision's.
    files={
        "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    classes=tuple("0123456789"),
)


def read(settings: DatasetSettings) -> Raw:
    """Read the images; see `read_idx_set`."""
    return read_idx_set(MNIST, settings)
