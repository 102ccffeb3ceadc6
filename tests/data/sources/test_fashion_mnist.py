from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drl.data.sources import fashion_mnist, mnist
from drl.data.sources.idx import read_idx
from drl.errors import UserError
from tests.data.factories import settings, write_idx

RNG = np.random.Generator(np.random.PCG64(0))
IMAGES = RNG.integers(0, 256, (30, 28, 28), dtype=np.uint8)
LABELS = np.arange(30, dtype=np.uint8) % 10


@pytest.fixture(params=[".gz", ""])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for part, where in (("train", slice(0, 20)), ("t10k", slice(20, 30))):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{request.param}", IMAGES[where])
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{request.param}", LABELS[where])
    return tmp_path


def test_reads_plain_and_gzipped_files(folder: Path) -> None:
    raw = fashion_mnist.read(settings("fashion_mnist", folder=str(folder)))
    assert np.array_equal(raw.train.images[..., 0], IMAGES[:20])
    assert np.array_equal(raw.test.labels, LABELS[20:])
    assert raw.train.files[9] == "9_Ankle_boot.png"


def test_mnist_has_the_same_format(folder: Path) -> None:
    raw = mnist.read(settings("mnist", folder=str(folder)))
    assert np.array_equal(raw.test.images[..., 0], IMAGES[20:])
    assert (raw.train.files[9], raw.origin[:27]) == ("9_9.png", "MNIST (LeCun et al., 1998),")


def test_origin_does_not_depend_on_packing(folder: Path) -> None:
    first = fashion_mnist.read(settings("fashion_mnist", folder=str(folder))).origin
    for path in list(folder.iterdir()):
        data = path.read_bytes()
        path.unlink()
        if path.suffix == ".gz":
            path.with_suffix("").write_bytes(gzip.decompress(data))
        else:
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, 1))
    assert fashion_mnist.read(settings("fashion_mnist", folder=str(folder))).origin == first


def test_a_missing_file_is_named(folder: Path) -> None:
    next(folder.glob("t10k-labels*")).unlink()
    with pytest.raises(UserError, match=r"neither t10k-labels-idx1-ubyte\.gz nor t10k-labels-idx1-ubyte"):
        fashion_mnist.read(settings("fashion_mnist", folder=str(folder)))


@pytest.mark.parametrize("keep", [0, 3, 10, -5])
def test_a_truncated_file_is_named(folder: Path, keep: int) -> None:
    path = next(folder.glob("train-images*"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.* fetch it again"):
        fashion_mnist.read(settings("fashion_mnist", folder=str(folder)))


def test_labels_of_other_images_are_refused(folder: Path) -> None:
    path = next(folder.glob("train-labels*"))
    write_idx(path, LABELS[:19])
    with pytest.raises(UserError, match="do not belong together"):
        fashion_mnist.read(settings("fashion_mnist", folder=str(folder)))


def test_idx_shape_comes_from_the_header(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "x", array)
    assert np.array_equal(read_idx(tmp_path / "x")[0], array)


def test_without_download_the_message_names_the_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(fashion_mnist.FASHION_MNIST, system_folder=(tmp_path / "none", "dataset-fashion-mnist"))
    monkeypatch.setattr(fashion_mnist, "FASHION_MNIST", absent)
    monkeypatch.setenv("DRL_DATA", str(tmp_path))
    with pytest.raises(UserError, match="download is off: install Debian's package dataset-fashion-mnist"):
        fashion_mnist.read(settings("fashion_mnist", download=False))
    with pytest.raises(UserError, match=r"MNIST is not in .*mnist, and download is off: set the data set's `folder`"):
        mnist.read(settings("mnist", download=False))


DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not DEBIAN.exists(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debian_package_holds_the_original() -> None:
    raw = fashion_mnist.read(settings("fashion_mnist", download=False))
    assert raw.train.images.shape == (60000, 28, 28, 1)
    assert np.bincount(raw.train.labels).tolist() == [6000] * 10
    assert np.bincount(raw.test.labels).tolist() == [1000] * 10
    # Mean and deviation that are quoted everywhere for Fashion-MNIST.
    assert raw.train.images.mean() / 255 == pytest.approx(0.2860, abs=1e-4)
    assert raw.train.images.std() / 255 == pytest.approx(0.3530, abs=1e-4)
