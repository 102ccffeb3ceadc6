"""FIR resampling against zero-stuffing and loops over pixels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from drl.models.fir import FIRResampling
from drl.models.layers import ResBlock
from tests.models import reference
from tests.models.common import normal, seeded, shaken


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 2), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.booleans())
def test_resampling_is_upfirdn2d(batch, channels, height, width, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    fir, x = FIRResampling(), normal(batch, channels, height, width).to(memory_format=layout)
    even = normal(batch, channels, 2 * height, 2 * width).to(memory_format=layout)
    torch.testing.assert_close(fir.upsample(x), reference.fir_up(x))
    torch.testing.assert_close(fir.downsample(even), reference.fir_down(even))
    weight, bias = normal(3, channels, 3, 3, seed=4), normal(3, seed=5)
    expected = reference.fir_conv_down(even, weight, bias)
    torch.testing.assert_close(F.conv2d(fir.smooth(even), weight, bias, stride=2), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape[2:] == x.shape[2:]


def test_an_asymmetric_image_by_hand():
    # Of a single row, the filter's vertical half leaves (3 + 0) / 4 of it on both rows.
    row = torch.tensor([[[[4.0, 0.0, 8.0]]]])
    up = torch.tensor([3.0, 3.0, 1.0, 2.0, 6.0, 6.0]) * 0.75
    torch.testing.assert_close(FIRResampling().upsample(row), up.expand(1, 1, 2, 6))


@pytest.mark.parametrize("value", [1.0, -3.5])
def test_constants_stay_in_the_interior_and_fade_at_the_edge(value):
    fir, x = FIRResampling(), torch.full((1, 3, 8, 8), value)
    for y in (fir.upsample(x), fir.downsample(x), fir.smooth(x)):
        inner = y[..., 2:-2, 2:-2]
        torch.testing.assert_close(inner, torch.full_like(inner, value))
        assert (y[..., 0, :].abs() < abs(value)).all()


def test_up_is_the_adjoint_of_down_times_four():
    fir, x, y = FIRResampling(), normal(2, 3, 4, 5), normal(2, 3, 8, 10, seed=7)
    torch.testing.assert_close((fir.upsample(x) * y).sum(), 4 * (x * fir.downsample(y)).sum())


def test_filter_is_neither_trained_nor_saved_and_takes_the_type_of_its_input():
    fir = FIRResampling()
    assert not list(fir.parameters())
    assert not fir.state_dict()
    x = normal(1, 2, 4, 4).double()
    torch.testing.assert_close(fir.downsample(x), reference.fir_down(x))
    # The filter's numbers are exact in bfloat16.
    assert torch.equal(fir.kernel.bfloat16().float(), fir.kernel)
    assert fir.upsample(x.bfloat16()).dtype == torch.bfloat16


def test_channels_last_stays():
    fir, x = FIRResampling(), normal(2, 8, 6, 4).to(memory_format=torch.channels_last)
    for y in (fir.upsample(x), fir.downsample(x), fir.smooth(x)):
        assert y.is_contiguous(memory_format=torch.channels_last)


def test_compiles_without_a_break():
    block = shaken(seeded(ResBlock, 8, 8, embedding_size=None, resampling="up", fir=True))
    x = normal(2, 8, 4, 4)
    compiled = torch.compile(block, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), block(x))
