"""Colour operations beside torchvision's, one image at a time, and the law of what is drawn."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.data.augment.colour import (
    Jitter,
    _jitter_all,
    _jitter_slices,
    blend,
    draw_jitter,
    jitter,
    make_grey,
    shift_hue,
)
from drl.data.compatibility import make_torchvision_importable

_operators = make_torchvision_importable()

from torchvision.transforms import ColorJitter  # noqa: E402
from torchvision.transforms import functional as reference  # noqa: E402

OPERATIONS = (
    reference.adjust_brightness,
    reference.adjust_contrast,
    reference.adjust_saturation,
    reference.adjust_hue,
)
ALL_COLOURS = torch.tensor(list(itertools.product((0.0, 0.1, 0.25, 0.5, 1.0), repeat=3))).T.reshape(1, 3, 5, 25)


def colours(n, channels=3, size=6, seed=0):
    """Random colours, a grey corner, black and white."""
    x = torch.rand(n, channels, size, size, generator=torch.Generator().manual_seed(seed))
    x[:, :, 0] = x[:, :1, 0]
    x[:, :, 1, 0], x[:, :, 1, 1] = 0, 1
    return x


def close(ours, expected):
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", [0, 1, 2])
@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.8])
def test_blends_are_torchvisions(channels, operation, factor):
    x = colours(2, channels)
    expected = torch.stack([OPERATIONS[operation](image, factor) for image in x])
    blend(x, torch.full((2,), operation), torch.full((2,), factor))
    close(x, expected)


@pytest.mark.parametrize("turns", [-0.5, -0.2, 0.0, 1e-4, 1 / 6, 0.2, 0.5])
def test_hue_is_torchvisions(turns):
    for x in (colours(1), ALL_COLOURS.clone()):
        expected = reference.adjust_hue(x, turns)
        shift_hue(x, torch.full((1,), turns))
        close(x, expected)


@given(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), st.floats(-0.5, 0.5, width=32))
@settings(max_examples=200, deadline=None)
def test_hue_keeps_value_and_chroma_of_any_colour(colour, turns):
    x = torch.tensor(colour).view(1, 3, 1, 1)
    turned = x.clone()
    shift_hue(turned, torch.tensor([turns]))
    torch.testing.assert_close(turned.amax(1), x.amax(1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(turned.amin(1), x.amin(1), atol=1e-6, rtol=1e-5)
    back = turned.clone()
    shift_hue(back, torch.tensor([-turns]))
    torch.testing.assert_close(back, x, atol=1e-5, rtol=0)


@pytest.mark.parametrize("way", [_jitter_slices, _jitter_all])  # on a CPU, and elsewhere
@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_in_all_orders_is_torchvisions(channels, way):
    orders = list(itertools.permutations(range(4)))
    generator = torch.Generator().manual_seed(0)
    draws = draw_jitter(24, (0.8, 0.8, 0.8, 0.2), 1.0, generator)
    blends = torch.tensor([[o for o in order if o != 3] for order in orders])
    on = torch.arange(24) % 5 > 0
    draws = Jitter(on, draws.factors, draws.hue, blends, torch.tensor([order.index(3) for order in orders]))
    x = colours(24, channels)
    expected = x.clone()
    for i, order in enumerate(orders):
        for operation in order if on[i] else ():
            amount = float(draws.hue[i] if operation == 3 else draws.factors[i, operation])
            expected[i] = OPERATIONS[operation](expected[i], amount)
    found = way(x.clone(), draws)
    close(found, expected)
    assert torch.equal(found[~on], x[~on])


def test_nobody_on():
    x = colours(3)
    assert torch.equal(jitter(x.clone(), draw_jitter(3, (0.8, 0.8, 0.8, 0.2), 0.0, torch.Generator())), x)


def test_grey_is_torchvisions():
    x = colours(4)
    chosen = torch.tensor([True, False, True, False])
    found = make_grey(x.clone(), chosen)
    close(found[chosen], reference.rgb_to_grayscale(x[chosen], num_output_channels=3))
    assert torch.equal(found[~chosen], x[~chosen])
    single = colours(1, channels=1)
    assert torch.equal(make_grey(single.clone(), torch.tensor([True])), single)


def test_the_law_of_jitter_is_torchvisions():
    n, amounts = 3000, (0.8, 1.4, 0.3, 0.2)
    draws = draw_jitter(n, amounts, 0.8, torch.Generator().manual_seed(0))
    assert abs(float(draws.on.double().mean()) - 0.8) < 4 * 0.4 / n**0.5
    torch.manual_seed(0)
    ranges = ColorJitter(*amounts)
    limits = (ranges.brightness, ranges.contrast, ranges.saturation, ranges.hue)
    theirs = [ColorJitter.get_params(*limits) for _ in range(n)]
    for operation in range(4):
        ours = draws.hue if operation == 3 else draws.factors[:, operation]
        others = torch.tensor([values[1 + operation] for values in theirs])
        low, high = limits[operation]
        assert low <= float(ours.min()) <= float(ours.max()) <= high + 1e-6
        spread = (high - low) / 12**0.5 * (2 / n) ** 0.5
        assert abs(float(ours.mean() - others.mean())) < 4 * spread
        assert float(ours.std()) == pytest.approx((high - low) / 12**0.5, rel=0.06)


def test_all_orders_are_equally_likely():
    n = 12_000
    draws = draw_jitter(n, (0.8, 0.8, 0.8, 0.2), 0.8, torch.Generator().manual_seed(0))
    counts = {}
    for order, place in zip(draws.order.tolist(), draws.hue_place.tolist(), strict=True):
        key = (*order[:place], 3, *order[place:])
        counts[key] = counts.get(key, 0) + 1
    assert len(counts) == 24
    chi_squared = sum((count - n / 24) ** 2 / (n / 24) for count in counts.values())
    assert chi_squared < 60  # 23 degrees of freedom: above it in one of 30,000 samples
