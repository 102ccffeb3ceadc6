"""Mirror and crop beside torchvision's, and the law of what is drawn."""

import pytest
import torch

from drl.data.augment.crop import Views, draw_views, flip_and_crop
from drl.data.compatibility import make_torchvision_importable

_operators = make_torchvision_importable()

from torchvision.transforms import functional as reference  # noqa: E402


def images(n, channels, height, width):
    shape = (n, channels, height, width)
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("channels", "height", "width", "padding"),
    [(3, 32, 32, 4), (1, 28, 28, 4), (3, 84, 84, 8), (1, 8, 8, 7), (3, 8, 21, 3), (3, 9, 8, 0)],
)
def test_equals_torchvision_image_by_image(channels, height, width, padding):
    pixels = images(60, channels, height, width)
    views = draw_views(60, 0.5, padding, torch.Generator().manual_seed(1))
    views.top[:4] = torch.tensor([0, 0, 2 * padding, 2 * padding])
    views.left[:4] = torch.tensor([0, 2 * padding, 0, 2 * padding])
    found = flip_and_crop(pixels, views, padding)
    for i, image in enumerate(pixels):
        expected = reference.hflip(image) if views.flipped[i] else image
        padded = reference.pad(expected, [padding] * 4, padding_mode="reflect")
        expected = reference.crop(padded, int(views.top[i]), int(views.left[i]), height, width)
        assert torch.equal(found[i], expected)


def test_the_middle_is_the_image():
    pixels = images(3, 3, 16, 16)
    middle = torch.full((3,), 5)
    assert torch.equal(flip_and_crop(pixels, Views(torch.zeros(3, dtype=torch.bool), middle, middle), 5), pixels)


def test_memory_in_another_order_changes_nothing():
    pixels, views = images(8, 3, 16, 12), draw_views(8, 0.5, 4, torch.Generator().manual_seed(1))
    last = pixels.contiguous(memory_format=torch.channels_last)
    assert torch.equal(flip_and_crop(last, views, 4), flip_and_crop(pixels, views, 4))


def test_the_law_of_the_views():
    n, padding = 50_000, 4
    views = draw_views(n, 0.3, padding, torch.Generator().manual_seed(0))
    assert float(views.flipped.double().mean()) == pytest.approx(0.3, abs=4 * (0.21 / n) ** 0.5)
    counts = torch.bincount(views.top * 9 + views.left, minlength=81)
    assert len(counts) == 81
    # Chi-squared with 80 degrees of freedom: mean 80, standard deviation 12.6.
    assert 30 < float(((counts - n / 81) ** 2 / (n / 81)).sum()) < 140
    mirrored = views.top[views.flipped].double().mean()
    assert float(mirrored) == pytest.approx(padding, abs=0.1)


@pytest.mark.parametrize(("flip", "expected"), [(0.0, False), (1.0, True)])
def test_certain_flips(flip, expected):
    assert (draw_views(100, flip, 0, torch.Generator().manual_seed(0)).flipped == expected).all()
