"""Crop, flip and blur beside torchvision's operations, one image at a time, and the law of the boxes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.data.augment.resample import along_axes, blur_matrices, crop_matrices, draw_crops
from drl.data.compatibility import make_torchvision_importable

_operators = make_torchvision_importable()

from torchvision.transforms import RandomResizedCrop  # noqa: E402
from torchvision.transforms import functional as reference  # noqa: E402


def random_images(n, channels, size, seed=0):
    return torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def test_along_axes_is_two_matrix_products_per_image():
    generator = torch.Generator().manual_seed(0)
    x, rows, columns = (torch.randn(*s, generator=generator) for s in ((3, 2, 5, 7), (3, 4, 5), (3, 6, 7)))
    found = along_axes(x, rows, columns)
    assert found.shape == (3, 2, 4, 6)
    for b in range(3):
        for c in range(2):
            torch.testing.assert_close(found[b, c], rows[b] @ x[b, c] @ columns[b].T)


@pytest.mark.parametrize("size", [8, 28, 32])
def test_crops_are_torchvisions(size):
    boxes = draw_crops(24, size, (0.08, 1.0), torch.Generator().manual_seed(1))
    flipped = torch.arange(24) % 2 == 0
    x = random_images(24, 3, size)
    top, left, height, width = boxes.unbind(1)
    found = along_axes(x, crop_matrices(top, height, size), crop_matrices(left, width, size, flipped))
    for image, box, flip, ours in zip(x, boxes.tolist(), flipped, found, strict=True):
        expected = reference.resized_crop(image, *box, [size, size], antialias=True)
        torch.testing.assert_close(ours, reference.hflip(expected) if flip else expected, atol=1e-5, rtol=0)


def test_the_whole_image_is_itself():
    x = random_images(2, 1, 9)
    whole = crop_matrices(torch.zeros(2), torch.full((2,), 9), 9)
    torch.testing.assert_close(along_axes(x, whole, whole), x)


def test_pixels_outside_of_the_box_never_count():
    matrix = crop_matrices(torch.tensor([3]), torch.tensor([4]), 10)[0]
    assert torch.equal(matrix[:, :3], torch.zeros(10, 3))
    assert torch.equal(matrix[:, 7:], torch.zeros(10, 3))


@pytest.mark.parametrize(("size", "kernel"), [(28, 3), (32, 3), (84, 9), (5, 5)])
def test_blur_is_torchvisions(size, kernel):
    sigma = torch.tensor([0.1, 0.5, 1.3, 2.0])
    x = random_images(4, 3, size)
    matrices = blur_matrices(sigma, size, kernel)
    found = along_axes(x, matrices, matrices)
    for image, s, ours in zip(x, sigma.tolist(), found, strict=True):
        expected = reference.gaussian_blur(image, [kernel, kernel], [s, s])
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


def test_sigma_zero_does_not_blur():
    assert torch.equal(blur_matrices(torch.zeros(1), 6, 3)[0], torch.eye(6))


@given(
    size=st.integers(2, 64),
    scale=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(sorted),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_boxes_lie_inside(size, scale, seed):
    top, left, height, width = draw_crops(50, size, tuple(scale), torch.Generator().manual_seed(seed)).unbind(1)
    assert min(int(v.min()) for v in (top, left)) >= 0
    assert min(int(v.min()) for v in (height, width)) >= 1
    assert int((top + height).max()) <= size
    assert int((left + width).max()) <= size


def test_the_whole_image_where_no_box_fits():
    """An area above the image's fits never, as torchvision's fallback."""
    boxes = draw_crops(5, 8, (1.5, 2.0), torch.Generator().manual_seed(0))
    assert boxes.tolist() == [[0, 0, 8, 8]] * 5


def test_the_law_of_boxes_is_torchvisions():
    n, size = 4000, 32
    ours = draw_crops(n, size, (0.08, 1.0), torch.Generator().manual_seed(0)).double()
    torch.manual_seed(0)
    image = torch.empty(1, size, size)
    theirs = torch.tensor([RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(n)]).double()

    def features(boxes):
        top, left, height, width = boxes.unbind(1)
        share = height * width / size**2
        return torch.stack([top, left, height, width, share, share**2, (width / height).log() ** 2, top * left], 1)

    a, b = features(ours), features(theirs)
    error = torch.sqrt((a.var(0) + b.var(0)) / n)
    assert float(((a.mean(0) - b.mean(0)) / error).abs().max()) < 4
    # Whole images are rare but not absent, and both laws agree on how rare.
    whole = [float((boxes[:, 2:] == size).all(1).double().mean()) for boxes in (ours, theirs)]
    assert abs(whole[0] - whole[1]) < 4 * math.sqrt(2 * max(whole) / n)
