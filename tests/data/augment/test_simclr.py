"""The whole of SimCLR's augmentation."""

import dataclasses

import pytest
import torch

from drl.data.augment.colour import Jitter
from drl.data.augment.simclr import PIECE_PIXELS, SimCLRAugmentation
from drl.data.compatibility import make_torchvision_importable
from drl.errors import UserError

_operators = make_torchvision_importable()

from torchvision.transforms import functional as reference  # noqa: E402


def images(n=12, channels=3, size=32, seed=0):
    """Smooth random images, whose crops differ."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return (255 * smooth.clamp(0, 1)).to(torch.uint8)


def one_by_one(augmentation, pixels, draws):
    """Do torchvision's operations in the order of SimCLR, for one image after another."""
    colours = draws.jitter
    blends = (reference.adjust_brightness, reference.adjust_contrast, reference.adjust_saturation)
    for i, image in enumerate(pixels.float() / 255):
        x = reference.resized_crop(image, *draws.boxes[i].tolist(), [augmentation.size] * 2, antialias=True)
        x = reference.hflip(x) if draws.flipped[i] else x
        order = colours.order[i].tolist()
        order.insert(int(colours.hue_place[i]), 3)
        for operation in order if colours.on[i] else ():
            if operation == 3:
                x = reference.adjust_hue(x, float(colours.hue[i]))
            else:
                x = blends[operation](x, float(colours.factors[i, operation]))
        x = reference.rgb_to_grayscale(x, num_output_channels=len(x)) if draws.grey[i] else x
        if draws.sigma[i] > 0 and augmentation.kernel > 1:
            x = reference.gaussian_blur(x, [augmentation.kernel] * 2, [float(draws.sigma[i])] * 2)
        yield x


@pytest.mark.parametrize(("channels", "size"), [(3, 32), (1, 28), (3, 8)])
def test_equals_torchvision_image_by_image(channels, size):
    augmentation = SimCLRAugmentation(channels, size, grayscale_probability=0.5, blur_probability=0.7)
    pixels = images(24, channels, size)
    draws = augmentation.draw(24, torch.Generator().manual_seed(3))
    found = augmentation.apply(pixels, draws)
    expected = torch.stack(list(one_by_one(augmentation, pixels, draws)))
    assert found.dtype == torch.float32
    # A crop's rounding can move a contrast's mean, but never by a visible amount.
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("n", [1, 3, 300])
def test_pieces_change_nothing_and_input_is_kept(n):
    augmentation = SimCLRAugmentation(3, 32)
    assert 2 * PIECE_PIXELS // 32**2 < 300  # several pieces
    pixels = images(n)
    before = pixels.clone()
    found = augmentation(pixels, torch.Generator().manual_seed(1))
    whole = augmentation.apply(pixels, augmentation.draw(n, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(found, whole, atol=1e-6, rtol=0)
    assert torch.equal(pixels, before)
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1


def test_images_do_not_touch_each_other():
    augmentation = SimCLRAugmentation(3, 32)
    pixels = images(6)
    other = pixels.clone()
    other[2] = 255 - other[2]
    first, second = (augmentation(p, torch.Generator().manual_seed(5)) for p in (pixels, other))
    rest = torch.arange(6) != 2
    torch.testing.assert_close(first[rest], second[rest], atol=1e-6, rtol=0)
    assert not torch.allclose(first[2], second[2], atol=0.01)


def test_choices_are_made_for_each_image():
    same = images(1).expand(16, -1, -1, -1)
    views = SimCLRAugmentation(3, 32)(same, torch.Generator().manual_seed(0))
    distances = torch.cdist(views.flatten(1), views.flatten(1)) + torch.eye(16)
    assert float(distances.min()) > 0.1


def test_the_generator_alone_decides():
    augmentation, pixels = SimCLRAugmentation(3, 32), images(4)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = augmentation(pixels, torch.Generator().manual_seed(9))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(first, augmentation(pixels, torch.Generator().manual_seed(9)))
    assert not torch.equal(first, augmentation(pixels, torch.Generator().manual_seed(10)))


def test_all_off_is_the_image():
    off = SimCLRAugmentation(
        3, 32, crop_scale=(1, 1), flip=0, jitter_probability=0, grayscale_probability=0, blur_probability=0
    )
    draws = off.draw(4, torch.Generator().manual_seed(0))
    draws = dataclasses.replace(draws, boxes=torch.tensor([[0, 0, 32, 32]]).expand(4, 4))
    torch.testing.assert_close(off.apply(images(4), draws), images(4) / 255)


def test_the_law_of_flip_grey_and_blur():
    n = 20_000
    draws = SimCLRAugmentation(3, 32, flip=0.3, blur_probability=0.6).draw(n, torch.Generator().manual_seed(0))
    for found, expected in ((draws.flipped, 0.3), (draws.grey, 0.2), (draws.sigma > 0, 0.6)):
        assert float(found.double().mean()) == pytest.approx(expected, abs=4 * 0.5 / n**0.5)
    blurred = draws.sigma[draws.sigma > 0]
    assert 0.1 <= float(blurred.min()) < float(blurred.max()) <= 2
    assert float(blurred.mean()) == pytest.approx(1.05, abs=0.03)
    assert isinstance(draws.jitter, Jitter)


@pytest.mark.parametrize(("size", "kernel"), [(8, 1), (19, 1), (28, 3), (32, 3), (64, 7), (84, 9)])
def test_kernel(size, kernel):
    assert SimCLRAugmentation(3, size).kernel == kernel


@pytest.mark.parametrize(
    ("channels", "changes", "named"),
    [
        (2, {}, "2 channels"),
        (3, {"crop_scale": (0.5, 1.2)}, "crop_scale"),
        (3, {"crop_scale": (0.9, 0.5)}, "crop_scale"),
        (3, {"jitter": (0.8, 0.8, 0.8, 0.7)}, "jitter"),
        (3, {"jitter": (0.8, 0.8)}, "jitter"),
    ],
)
def test_bad_settings_are_named(channels, changes, named):
    with pytest.raises(UserError, match=named) as caught:
        SimCLRAugmentation(channels, 32, **changes)
    assert "\n" not in str(caught.value)
