"""Colour operations beside PIL's, one image at a time."""

import platform

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageEnhance, ImageOps

from drl.data.augment import pil_colour
from tests.data.augment.pil_images import SIZES, bytes_images, each

# Other processors fuse the multiplication and addition of PIL's blend, which can cut off at the next level.
BLEND_LEVELS = 0 if platform.machine() in ("x86_64", "AMD64") else 1
BLENDS = {
    pil_colour.brightness: ImageEnhance.Brightness,
    pil_colour.color: ImageEnhance.Color,
    pil_colour.contrast: ImageEnhance.Contrast,
    pil_colour.sharpness: ImageEnhance.Sharpness,
}
EXTREME_FACTORS = [0.0, 0.05, 0.5, 0.95, 1.0]


def spread(n, low, high, extremes, seed=1):
    """Random magnitudes, extreme ones first."""
    u = torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    magnitudes = low + u * (high - low)
    magnitudes[: len(extremes)] = torch.tensor(extremes, dtype=torch.float64)
    return magnitudes.roll(n // 2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
class TestEqualsPIL:
    def test_luma(self, size, channels):
        images = bytes_images(20, channels, *size)
        found = pil_colour.luma(images)
        assert torch.equal(found[:, None], each(images, lambda image: image.convert("L")).int())

    @pytest.mark.parametrize("name", ["autocontrast", "equalize"])
    def test_histogram_operations(self, size, channels, name):
        images = bytes_images(40, channels, *size)
        before = images.clone()
        found = getattr(pil_colour, name)(images)
        assert torch.equal(found, each(images, getattr(ImageOps, name)))
        assert torch.equal(images, before)
        too_few = name == "equalize" and size[0] * size[1] < 255
        assert torch.equal(found, images) == too_few

    def test_posterize(self, size, channels):
        images = bytes_images(40, channels, *size)
        bits = spread(47, 1, 9, [1, 4, 7.99, 8])
        expected = each(images, lambda image, v: ImageOps.posterize(image, int(v)), bits.tolist())
        assert torch.equal(pil_colour.posterize(images, bits), expected)

    def test_solarize(self, size, channels):
        images = bytes_images(40, channels, *size)
        threshold = spread(47, 0, 256, [0, 1e-9, 0.5, 128, 255, 255.5, 256])
        found = pil_colour.solarize(images, threshold)
        assert torch.equal(found, each(images, ImageOps.solarize, threshold.tolist()))

    @pytest.mark.parametrize("operation", BLENDS)
    def test_blends(self, size, channels, operation):
        images = bytes_images(40, channels, *size)
        before = images.clone()
        factor = spread(47, 0.05, 0.95, EXTREME_FACTORS)
        found = operation(images, factor)
        expected = each(images, lambda image, v: BLENDS[operation](image).enhance(v), factor.tolist())
        assert found.dtype == torch.uint8
        assert int((found.int() - expected.int()).abs().max()) <= BLEND_LEVELS
        assert torch.equal(images, before)


@given(st.lists(st.integers(0, 255), min_size=9, max_size=64), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_any_pixels_are_changed_as_by_pil(values, factor):
    pixels = torch.tensor((values * 9)[:64], dtype=torch.uint8).view(1, 1, 8, 8)
    for operation, enhancer in BLENDS.items():
        expected = each(pixels, lambda image, enhancer=enhancer: enhancer(image).enhance(factor))
        difference = operation(pixels, torch.tensor([factor], dtype=torch.float64)).int() - expected.int()
        assert int(difference.abs().max()) <= BLEND_LEVELS
    assert torch.equal(pil_colour.autocontrast(pixels), each(pixels, ImageOps.autocontrast))
    assert torch.equal(pil_colour.equalize(pixels), each(pixels, ImageOps.equalize))


def test_all_ranges_are_stretched_as_by_pil():
    low, high = torch.combinations(torch.arange(256))[::7].unbind(1)
    ramp = low[:, None] + torch.arange(64) * (high - low)[:, None] // 63
    images = ramp.to(torch.uint8).view(-1, 1, 8, 8)
    assert torch.equal(pil_colour.autocontrast(images), each(images, ImageOps.autocontrast))


def test_equalize_reaches_past_white_and_is_clipped():
    images = torch.arange(256, dtype=torch.uint8).repeat(2)[:510].view(1, 1, 15, 34)
    assert torch.equal(pil_colour.equalize(images), each(images, ImageOps.equalize))
