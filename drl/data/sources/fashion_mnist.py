"""Fashion-MNIST (Xiao et al., 2017): 60,000 + 10,000 grey images of 28x28 pixels."""

from __future__ import annotations

from pathlib import Path

from drl.config.datasets import DatasetSettings
from drl.data.sources.idx_set import IdxSet, read_idx_set
from drl.data.sources.raw import Raw

FASHION_MNIST = IdxSet(
    title="Fashion-MNIST",
    citation="Fashion-MNIST (Xiao et al., 2017)",
    cache="fashion-mnist",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    # The checksums are torchvision's.
    files={
        "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    classes=(
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
    ),
    system_folder=(Path("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist"),
)


def read(settings: DatasetSettings) -> Raw:
    """Read the images; see `read_idx_set`."""
    return read_idx_set(FASHION_MNIST, settings)
