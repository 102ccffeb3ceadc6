"""RandAugment: which operations are drawn, and that each image gets its own."""

import pytest
import torch

from drl.data.augment import pil_colour, pil_geometry
from drl.data.augment.rand_augment import MOVEMENTS, OPERATIONS, change, draw_operations
from tests.data.augment.pil_images import bytes_images

# LaplaceNet's code, config/augmentations.py; where it draws a sign, the range has both.
LAPLACENET = {
    "AutoContrast": (0, 1),
    "Brightness": (0.05, 0.95),
    "Color": (0.05, 0.95),
    "Contrast": (0.05, 0.95),
    "Equalize": (0, 1),
    "Identity": (0, 1),
    "Posterize": (4, 8),
    "Rotate": (-30, 30),
    "Sharpness": (0.05, 0.95),
    "ShearX": (-0.3, 0.3),
    "ShearY": (-0.3, 0.3),
    "Solarize": (0, 256),
    "TranslateX": (-0.3, 0.3),
    "TranslateY": (-0.3, 0.3),
}
POSITION = {operation.name: i for i, operation in enumerate(OPERATIONS)}
SINGLE = {
    "Identity": lambda x, v: x,
    "AutoContrast": lambda x, v: pil_colour.autocontrast(x),
    "Equalize": lambda x, v: pil_colour.equalize(x),
    "Posterize": pil_colour.posterize,
    "Solarize": pil_colour.solarize,
    "Brightness": pil_colour.brightness,
    "Color": pil_colour.color,
    "Contrast": pil_colour.contrast,
    "Sharpness": pil_colour.sharpness,
    "Rotate": lambda x, v: pil_geometry.affine(x, pil_geometry.rotation(v, *x.shape[2:])),
    "ShearX": lambda x, v: pil_geometry.affine(x, pil_geometry.shear_x(v, *x.shape[2:])),
    "ShearY": lambda x, v: pil_geometry.affine(x, pil_geometry.shear_y(v, *x.shape[2:])),
    "TranslateX": lambda x, v: pil_geometry.affine(x, pil_geometry.translate_x(v, *x.shape[2:])),
    "TranslateY": lambda x, v: pil_geometry.affine(x, pil_geometry.translate_y(v, *x.shape[2:])),
}


def test_operations_and_ranges_are_laplacenets():
    assert {operation.name: (operation.low, operation.high) for operation in OPERATIONS} == LAPLACENET
    assert OPERATIONS[-len(MOVEMENTS) :] == MOVEMENTS


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (28, 20)])
def test_each_image_gets_its_operation_and_magnitude(size, channels):
    images = bytes_images(73, channels, *size)
    operations, magnitudes = draw_operations(80, 1, torch.Generator().manual_seed(0))
    before = images.clone(), operations.clone(), magnitudes.clone()
    found = change(images, operations[0], magnitudes[0])
    for i, operation in enumerate(operations[0].tolist()):
        expected = SINGLE[OPERATIONS[operation].name](images[i : i + 1], magnitudes[0, i : i + 1])
        assert torch.equal(found[i], expected[0]), OPERATIONS[operation].name
    assert all(torch.equal(a, b) for a, b in zip(before, (images, operations, magnitudes), strict=True))


@pytest.mark.parametrize("name", POSITION)
def test_all_images_may_draw_the_same(name):
    images = bytes_images(9, 3, 16, 16)
    magnitudes = draw_operations(16, 1, torch.Generator().manual_seed(0))[1][0].clamp(0.05, 0.3)
    magnitudes = magnitudes + 4 if name == "Posterize" else magnitudes
    found = change(images, torch.full((16,), POSITION[name]), magnitudes)
    assert torch.equal(found, SINGLE[name](images, magnitudes))


@pytest.mark.parametrize("n", [0, 1])
def test_tiny_batches(n):
    images = bytes_images(1, 3, 8, 8)[:n]
    for operation in range(len(OPERATIONS)):
        magnitude = torch.full((n,), 0.3 if operation != POSITION["Posterize"] else 4.3, dtype=torch.float64)
        found = change(images, torch.full((n,), operation), magnitude)
        assert torch.equal(found, SINGLE[OPERATIONS[operation].name](images, magnitude))


def test_the_law_of_the_draws():
    n = 30_000
    operations, magnitudes = draw_operations(n, 2, torch.Generator().manual_seed(0))
    assert operations.shape == magnitudes.shape == (2, n)
    for round_ in operations:
        counts = torch.bincount(round_, minlength=14)
        # Chi-squared with 13 degrees of freedom: mean 13, standard deviation 5.1.
        assert float(((counts - n / 14) ** 2 / (n / 14)).sum()) < 36
    # With replacement, and the second independent of the first.
    pairs = torch.bincount(operations[0] * 14 + operations[1], minlength=196)
    assert 110 < float(((pairs - n / 196) ** 2 / (n / 196)).sum()) < 290
    for i, operation in enumerate(OPERATIONS):
        drawn = magnitudes[operations == i]
        width = operation.high - operation.low
        assert operation.low <= float(drawn.min()) < float(drawn.max()) <= operation.high
        assert float(drawn.mean()) == pytest.approx(operation.low + width / 2, abs=width * 4 / (12 * len(drawn)) ** 0.5)
        assert float(drawn.std()) == pytest.approx(width / 12**0.5, rel=0.05)
    bits = torch.bincount(magnitudes[operations == POSITION["Posterize"]].long())
    assert bits[:4].sum() == 0
    assert len(bits) == 8
    assert float((bits[4:] / bits.sum() - 0.25).abs().max()) < 0.03
