"""Image files of unknown origin: formats, sizes, and what messages call them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from drl.data.sources.image_file import FORMATS, check_header, decode, read_image
from drl.errors import UserError


def png_of(width, height, data=b""):
    """A PNG whose header declares a size, whatever it holds."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", [name for name in FORMATS if name in Image.SAVE])
def test_every_listed_format_is_read(kind, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x", format=kind)
    assert read_image(tmp_path / "x", 8, 3)[0].shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["AVIF", "JPEG2000", "ICO"])
def test_formats_whose_decoders_take_more_memory_than_their_headers_say_are_not_read(kind, tmp_path):
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")
    Image.new("RGB", (16, 16)).save(tmp_path / "x", format=kind)
    with pytest.raises(UserError, match=r"x is not a readable image \(of .*PNG.*\): convert or remove it"):
        read_image(tmp_path / "x", 8, 3)


def test_postscript_starts_no_interpreter(tmp_path, monkeypatch):
    Image.new("RGB", (9, 9)).save(tmp_path / "x.png", format="EPS")
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(UserError, match=r"x\.png is not a readable image \(of .*PNG.*\): convert or remove it"):
        read_image(tmp_path / "x.png", 8, 3)


@pytest.mark.parametrize("read", [decode, check_header, lambda path, most: read_image(path, 8, 3, most)])
@pytest.mark.parametrize("size", [(60_000, 60_000), (12_000, 12_000), (101, 100), (2**31 - 1, 1)])
def test_more_pixels_than_the_knob_allows_are_refused_before_they_take_memory(size, read, tmp_path):
    (tmp_path / "x.png").write_bytes(png_of(*size))
    with pytest.raises(UserError, match=r"x\.png has more than 10,000 pixels: .* or raise run\.image_pixels"):
        read(tmp_path / "x.png", 10_000)


def test_the_knob_can_be_above_what_pillow_allows(tmp_path):
    (tmp_path / "x.png").write_bytes(png_of(20_000, 20_000))
    check_header(tmp_path / "x.png", 400_000_000)


def test_a_file_larger_than_an_image_can_be_is_not_read(tmp_path):
    with (tmp_path / "x.png").open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(UserError, match=r"x\.png has 1,099,511,627,776 bytes"):
        read_image(tmp_path / "x.png", 8, 3)


@pytest.mark.parametrize("content", [b"", b"hello", b"GIF89a", png_of(9, 9, b"\0" * 20), b"\xff\xd8\xff\xe0" * 9])
def test_messages_name_the_file_and_no_object(content, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.png is not a readable image") as caught:
        read_image(tmp_path / "x.png", 8, 3)
    assert "object at" not in str(caught.value)
    assert "_io" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_image_of_many_pixels_is_as_one_of_few(tmp_path, monkeypatch):
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)).save(data, "PNG")
    (tmp_path / "x.png").write_bytes(data.getvalue())
    first = read_image(tmp_path / "x.png", 8, 1)[0]
    monkeypatch.setattr("drl.data.sources.image_file._LARGE", 10)
    assert np.array_equal(read_image(tmp_path / "x.png", 8, 1)[0], first)


def test_a_low_limit_holds_for_its_call_alone(tmp_path):
    (tmp_path / "x.png").write_bytes(png_of(10, 10))
    with pytest.raises(UserError, match="more than 5 pixels"):
        check_header(tmp_path / "x.png", 5)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (10, 10)


def tiff_of_one_tile(side):
    """A TIFF of 8x8 pixels in one tile, whose declared size is as given and whose data are missing."""
    entries = [(256, 8), (257, 8), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, 8), (325, 1)]
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + struct.pack("<I", 0)


@pytest.mark.parametrize("read", [decode, check_header, lambda path, most: read_image(path, 8, 3, most)])
def test_a_tile_counts_with_its_own_pixels(read, tmp_path):
    """The decoder makes room for the whole tile, however small the image is."""
    (tmp_path / "x.tif").write_bytes(tiff_of_one_tile(46_336))
    with pytest.raises(UserError, match=r"x\.tif has more than 10,000 pixels: .* or raise run\.image_pixels"):
        read(tmp_path / "x.tif", 10_000)
