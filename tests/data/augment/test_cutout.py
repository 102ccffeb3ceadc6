"""Cutout beside the authors' drawing with PIL, and the law of the squares."""

import pytest
import torch
from PIL import Image, ImageDraw

from drl.data.augment.cutout import FILL, cut_out, draw_squares
from tests.data.augment.pil_images import SIZES, bytes_images, each


def plain(image, side, x, y):
    """Cut out as LaplaceNet's code does (CutoutAbs), with the centre given."""
    width, height = image.size
    x0, y0 = int(max(0, x - side / 2.0)), int(max(0, y - side / 2.0))
    x1, y1 = min(width, x0 + side), min(height, y0 + side)
    fill = FILL if image.mode == "RGB" else Image.new("RGB", (1, 1), FILL).convert("L").getpixel((0, 0))
    ImageDraw.Draw(image).rectangle((x0, y0, x1, y1), fill)
    return image


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_equals_pil(size, channels):
    height, width = size
    images = bytes_images(193, channels, *size)
    before = images.clone()
    squares = draw_squares(200, height, width, torch.Generator().manual_seed(4))
    # The draws again, as they are documented.
    u = torch.rand(3, 200, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    side, y, x = u[0] * 0.5 * width, u[1] * height, u[2] * width
    found = cut_out(images, squares)
    assert torch.equal(found, each(images, plain, side.tolist(), x.tolist(), y.tolist()))
    assert torch.equal(images, before)
    assert (found != images).flatten(1).any(1).sum() > 150


def test_a_square_at_the_border_keeps_its_side():
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    found = cut_out(images, torch.tensor([[0, 15, 0, 15], [31, 46, 30, 45]]))
    assert (found > 0).all(1).flatten(1).sum(1).tolist() == [256, 2]
    assert found[0, :, 0, 0].tolist() == list(FILL)


def test_the_law_of_the_squares():
    n = 40_000
    squares = draw_squares(n, 64, 32, torch.Generator().manual_seed(0))
    top, bottom, left, right = squares.unbind(1)
    assert torch.equal(bottom - top, right - left)
    # floor of a side uniform in (0, 16)
    sides = torch.bincount(right - left, minlength=16)
    assert len(sides) == 16
    assert float(((sides - n / 16) ** 2 / (n / 16)).sum()) < 45
    # A corner is at 0 where the centre is nearer than half a side, or at most a pixel farther.
    at_border = float((top == 0).double().mean()), float((left == 0).double().mean())
    assert at_border[0] == pytest.approx(5 / 64, abs=0.01)
    assert at_border[1] == pytest.approx(5 / 32, abs=0.01)
    assert int(top.max()) == 63
    assert int(left.max()) == 31
