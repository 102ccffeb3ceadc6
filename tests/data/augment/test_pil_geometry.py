"""Affine transforms beside PIL's, one image at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from drl.data.augment import pil_geometry
from tests.data.augment.pil_images import SIZES, bytes_images, each


def transform(image, *matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


PLAIN = {
    pil_geometry.rotation: lambda image, v: image.rotate(v),
    pil_geometry.shear_x: lambda image, v: transform(image, 1, v, 0, 0, 1, 0),
    pil_geometry.shear_y: lambda image, v: transform(image, 1, 0, 0, v, 1, 0),
    pil_geometry.translate_x: lambda image, v: transform(image, 1, 0, v * image.size[0], 0, 1, 0),
    pil_geometry.translate_y: lambda image, v: transform(image, 1, 0, 0, 0, 1, v * image.size[1]),
}


def limit(movement):
    """The largest magnitude in RandAugment."""
    return 30.0 if movement is pil_geometry.rotation else 0.3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("movement", PLAIN)
def test_equals_pil(size, channels, movement):
    images = bytes_images(73, channels, *size)
    before = images.clone()
    u = torch.rand(80, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    magnitude = (2 * u - 1) * limit(movement)
    magnitude[:9] = limit(movement) * torch.tensor([0, -1, 1, -0.5, 0.5, 1e-6, -1e-6, 2, -2], dtype=torch.float64)
    magnitude = magnitude.roll(40)
    found = pil_geometry.affine(images, movement(magnitude, *size))
    assert torch.equal(found, each(images, PLAIN[movement], magnitude.tolist()))
    assert found.dtype == torch.uint8
    assert torch.equal(images, before)
    assert not torch.equal(found, images)


@given(st.sampled_from(list(PLAIN)), st.floats(-1, 1), st.integers(8, 84), st.integers(8, 84))
@settings(max_examples=150, deadline=None)
def test_any_magnitude_and_size_equals_pil(movement, share, height, width):
    images = bytes_images(1, 1, height, width)[:1]
    magnitude = torch.tensor([share * limit(movement)], dtype=torch.float64)
    found = pil_geometry.affine(images, movement(magnitude, height, width))
    assert torch.equal(found, each(images, PLAIN[movement], magnitude.tolist()))


@pytest.mark.parametrize("pixels", [-9, -3, -2, 2, 3, 9])
def test_shifts_between_two_pixels_round_as_in_pil(pixels):
    """Offsets of half pixels, and nearer to them than fixed point can tell."""
    images = bytes_images(1, 3, 32, 32)[:1].expand(3, -1, -1, -1).contiguous()
    share = (pixels + 0.5 + torch.tensor([0, -1e-9, 1e-9], dtype=torch.float64)) / 32
    for movement in (pil_geometry.translate_x, pil_geometry.translate_y):
        found = pil_geometry.affine(images, movement(share, 32, 32))
        assert torch.equal(found, each(images, PLAIN[movement], share.tolist()))


def test_each_image_moves_by_itself():
    images = bytes_images(5, 3, 16, 16)
    magnitude = torch.linspace(-30, 30, len(images), dtype=torch.float64)
    together = pil_geometry.affine(images, pil_geometry.rotation(magnitude, 16, 16))
    for i, image in enumerate(images):
        alone = pil_geometry.affine(image[None], pil_geometry.rotation(magnitude[i : i + 1], 16, 16))
        assert torch.equal(together[i], alone[0])
