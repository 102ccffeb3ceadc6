"""Scans of JPEG files, counted without decoding."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from drl.data.sources.image_file import check_header, decode, read_image
from drl.data.sources.jpeg_scans import MOST_SEGMENTS, scans
from drl.errors import UserError

# A progressive scan of the coefficients 1 to 63 of the first component.
HEADER = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00"


def jpeg(mode="RGB", **options):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, len(mode)), dtype=np.uint8).squeeze()
    stream = io.BytesIO()
    Image.fromarray(pixels, mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def count(data, most=100):
    stream = io.BytesIO(data)
    stream.seek(3)
    found = scans(stream, most)
    assert stream.tell() == 3
    return found


def bomb(times):
    """Repeat the last scan of a progressive image."""
    data = jpeg("L", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * times + data[-2:]


def test_scans_are_counted():
    assert count(jpeg()) == count(jpeg("L")) == 1
    assert count(jpeg(progressive=True)) == jpeg(progressive=True).count(b"\xff\xda") == 10
    assert count(jpeg("L", progressive=True)) == jpeg("L", progressive=True).count(b"\xff\xda") == 6
    assert count(bomb(80)) == 85
    assert count(bomb(300)) == 101


def test_what_is_not_of_the_image_does_not_count():
    """Phones put films behind an image, and profiles and thumbnails into it."""
    noise = HEADER * 1000
    assert count(jpeg(progressive=True) + noise) == 10
    assert count(jpeg(progressive=True, icc_profile=noise, comment=noise)) == 10
    assert count(jpeg() + noise) == count(jpeg(restart_marker_blocks=1)) == 1


@pytest.mark.parametrize("piece", [2, 3, 7])
def test_pieces_may_end_anywhere(monkeypatch, piece):
    monkeypatch.setattr("drl.data.sources.jpeg_scans._PIECE", piece)
    assert count(jpeg(progressive=True, restart_marker_blocks=3)) == 10


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xfe\x00", b"\xff" * 99, jpeg()[:-900]]
)
def test_files_that_end_early(data):
    assert count(data) <= 1


def test_segments_without_end_are_as_bad():
    assert count(b"\xff\xd8" + b"\xff\xfe\x00\x02" * (MOST_SEGMENTS + 9)) == 101


@pytest.mark.parametrize("read", [decode, check_header, lambda path: read_image(path, 8, 3)])
def test_a_small_file_of_many_scans_is_refused(read, tmp_path, monkeypatch):
    """The example: 417 kB that take a plan twelve seconds, and 460 MB that take hours."""
    (tmp_path / "x.jpg").write_bytes(bomb(99))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(UserError, match=r"x.jpg is a JPEG of more than 100 scans, .*: save it anew, or remove it"):
        read(tmp_path / "x.jpg")


def test_progressive_images_are_read(tmp_path):
    (tmp_path / "x.jpg").write_bytes(bomb(80))
    assert read_image(tmp_path / "x.jpg", 8, 3)[0].shape == (8, 8, 3)
