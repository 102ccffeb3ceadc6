"""The whole of LaplaceNet's augmentation."""

import pytest
import torch

from drl.data.augment.crop import draw_views, flip_and_crop
from drl.data.augment.cutout import cut_out, draw_squares
from drl.data.augment.laplacenet import augment
from drl.data.augment.rand_augment import change, draw_operations
from drl.errors import UserError
from tests.data.augment.pil_images import bytes_images


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("channels", "size", "padding"), [(3, 32, 4), (1, 28, 4), (3, 84, 8), (1, 8, 2)])
@pytest.mark.parametrize("operations", [0, 1, 2])
def test_is_the_parts_one_after_another_image_by_image(channels, size, padding, operations):
    images = bytes_images(33, channels, size, size)
    before = images.clone()
    found = augment(images, operations, seeded(3), padding=padding)
    generator = seeded(3)
    views = draw_views(40, 0.5, padding, generator)
    choices, magnitudes = draw_operations(40, operations, generator)
    squares = draw_squares(40, size, size, generator)
    for i in range(40):
        one = slice(i, i + 1)
        x = flip_and_crop(images[one], type(views)(views.flipped[one], views.top[one], views.left[one]), padding)
        for k in range(operations):
            x = change(x, choices[k, one], magnitudes[k, one])
        assert torch.equal(found[one], cut_out(x, squares[one]))
    assert found.dtype == torch.uint8
    assert found.is_contiguous()
    assert torch.equal(images, before)


def test_images_do_not_touch_each_other():
    images = bytes_images(13, 3, 32, 32)
    other = images.clone()
    other[2] = 255 - other[2]
    first, second = (augment(x, 2, seeded(5)) for x in (images, other))
    assert (first != second).flatten(1).any(1).nonzero().flatten().tolist() == [2]


def test_choices_are_made_for_each_image():
    same = bytes_images(1, 3, 32, 32)[:1].expand(32, -1, -1, -1)
    views = augment(same, 1, seeded(0))
    assert len(views.unique(dim=0)) == 32


def test_the_generator_alone_decides():
    images = bytes_images(13, 3, 32, 32)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = augment(images, 2, seeded(9))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(first, augment(images, 2, seeded(9)))
    assert not torch.equal(first, augment(images, 2, seeded(10)))
    generator = seeded(9)
    assert torch.equal(first, augment(images, 2, generator))
    assert not torch.equal(first, augment(images, 2, generator))


def test_a_restored_generator_goes_on_alike():
    images, generator = bytes_images(13, 1, 28, 28), seeded(2)
    augment(images, 2, generator)
    state = generator.get_state()
    second = augment(images, 2, generator)
    assert torch.equal(second, augment(images, 2, torch.Generator().set_state(state)))


def test_threads_change_nothing():
    images, threads = bytes_images(293, 3, 32, 32), torch.get_num_threads()
    try:
        found = [torch.set_num_threads(n) or augment(images, 2, seeded(1)) for n in (1, 2)]
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_without_operations_pixels_are_moved_or_cut_out_only():
    images = torch.full((50, 3, 16, 16), 7, dtype=torch.uint8)
    colours = augment(images, 0, seeded(0)).permute(0, 2, 3, 1).reshape(-1, 3).unique(dim=0)
    assert colours.tolist() == [[7, 7, 7], [125, 123, 114]]


@pytest.mark.parametrize(("flip", "mirrored"), [(0.0, False), (1.0, True)])
def test_flips_and_padding_are_settings(flip, mirrored):
    images = bytes_images(33, 3, 16, 16)
    found = augment(images, 0, seeded(0), flip=flip, padding=0)
    expected = images.flip(3) if mirrored else images
    assert torch.equal(found, cut_out(expected, draw_squares_after(40, 0, seeded(0))))


def draw_squares_after(n, padding, generator):
    """Return the squares that `augment` draws for 16 x 16 pixels without operations."""
    draw_views(n, 0.5, padding, generator)
    draw_operations(n, 0, generator)
    return draw_squares(n, 16, 16, generator)


@pytest.mark.parametrize(
    ("shape", "padding", "named"),
    [((2, 2, 8, 8), 4, "2 channels"), ((2, 3, 8, 12), 8, "padding of 8"), ((2, 3, 8, 8), -1, "padding of -1")],
)
def test_bad_input_is_named(shape, padding, named):
    with pytest.raises(UserError, match=named) as caught:
        augment(torch.zeros(shape, dtype=torch.uint8), 1, seeded(0), padding=padding)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("channels", [1, 3])
def test_a_gpu_computes_the_same(channels):
    images = bytes_images(93, channels, 32, 32)
    found = augment(images.cuda(), 2, seeded(0)).cpu()
    assert torch.equal(found, augment(images, 2, seeded(0)))
