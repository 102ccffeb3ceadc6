"""The latent paths."""

from __future__ import annotations

import pytest
import torch

from drl.errors import UserError
from drl.models.conditioning import (
    CodeConditioning,
    DenseMapConditioning,
    DenseMiddleConditioning,
    build_code_path,
)
from drl.models.paths import UNetShape
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

SHAPE = UNetShape(
    image_size=8, nf=4, channel_multipliers=(1, 2), blocks=1, attention_resolutions=(), embedding_size=32, dropout=0.1
)


def linear_path(**options):
    return seeded(CodeConditioning, **{"nf": 4, "code_size": 5, "resolution": 3} | options)


def swish_chain(weights, h, count):
    for _ in range(count):
        h = reference.swish(reference.take(weights, h))
    return h


def test_linear_embedding_and_map_by_hand():
    module = linear_path()
    time, z = normal(2, 16), normal(2, 5, seed=3)
    embedding, u = module(time, z)
    weight, bias, *layers = module.parameters()
    joined = torch.cat([time, z @ weight.T + bias], dim=1)
    torch.testing.assert_close(embedding, joined)
    torch.testing.assert_close(u, swish_chain(iter(layers), joined, 3).reshape(2, 8, 3, 3))
    assert [tuple(p.shape) for p in layers[::2]] == [(24, 32), (24, 24), (72, 24)]


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("code_size", [2, 4])
def test_dense_map_by_hand(timed, code_size):
    module = shaken(seeded(DenseMapConditioning, SHAPE, code_size=code_size, timed=timed))
    time, z = normal(2, 16), normal(2, code_size, seed=3)
    embedding, u = module(time, z)
    weights = iter(module.parameters())
    h = swish_chain(weights, z, 3)
    if timed:
        h = swish_chain(weights, torch.cat([reference.swish(time), h], dim=1), 1)
    code = reference.take(weights, h)
    joined = torch.cat([time, code], dim=1)
    torch.testing.assert_close(embedding, joined)
    h = swish_chain(weights, reference.swish(code), 3)
    if timed:
        h = torch.cat([reference.swish(joined), h], dim=1)
    torch.testing.assert_close(u, swish_chain(weights, h, 3).reshape(2, 8, 4, 4), atol=1e-5, rtol=1e-5)
    assert next(weights, None) is None


def test_dense_middle_by_hand():
    module = shaken(seeded(DenseMiddleConditioning, SHAPE, code_size=3))
    time, z, h = normal(2, 16), normal(2, 3, seed=3), normal(2, 8, 4, 4, seed=4)
    embedding, u = module(time, z)
    weights = iter(module.parameters())
    code = reference.take(weights, swish_chain(weights, z, 3))
    torch.testing.assert_close(embedding, torch.cat([time, code], dim=1))
    expected = reference.middle(weights, h, code)
    assert next(weights, None) is None
    torch.testing.assert_close(module.inject(h, u), expected, atol=1e-5, rtol=1e-5)


def layer(before, after):
    return before * after + after


@pytest.mark.parametrize(("code_size", "first"), [(2, 4), (3, 4), (4, 8), (9, 8)])
def test_first_dense_layer_widens_for_codes_as_long_as_nf(code_size, first):
    dense_map = DenseMapConditioning(SHAPE, code_size=code_size, timed=False)
    assert parameters(dense_map.layers) == layer(code_size, first) + layer(first, 8) + layer(8, 16)
    assert dense_map.timed is None
    dense_middle = DenseMiddleConditioning(SHAPE, code_size=code_size)
    assert parameters(dense_middle.layers) == layer(code_size, first) + layer(first, 8) + layer(8, 8)


def test_sizes_of_a_timed_dense_map():
    # nf 4; the bottleneck is 8 x 4 x 4. 8 nf of joined embedding come to the 16 nf of the map's third layer.
    embedding = layer(2, 4) + layer(4, 8) + layer(8, 16) + layer(16 + 16, 16) + layer(16, 16)
    maps = layer(16, 16) + layer(16, 32) + layer(32, 64) + layer(32 + 64, 128) + layer(128, 256) + layer(256, 128)
    assert parameters(DenseMapConditioning(SHAPE, code_size=2, timed=True)) == embedding + maps


def test_sizes_of_the_digits_dense_middle():
    digits = UNetShape(
        image_size=28, nf=32, channel_multipliers=(1, 2), blocks=2, attention_resolutions=(), embedding_size=256,
        dropout=0.1,
    )  # fmt: skip
    dense = layer(2, 32) + layer(32, 64) + layer(64, 64) + layer(64, 128)
    block = 2 * (2 * 64) + 2 * (9 * 64 * 64 + 64) + layer(128, 64)
    attention = 2 * 64 + 4 * layer(64, 64)
    assert parameters(DenseMiddleConditioning(digits, code_size=2)) == dense + 2 * block + attention == 196_192


@pytest.mark.parametrize("kind", ["linear", "dense_map", "dense_middle"])
def test_without_injection_only_the_embedding_is_left(kind):
    build = {"code_size": 5, "timed": True}
    module = seeded(build_code_path, kind, SHAPE, **build, bottleneck_injection=False)
    full = seeded(build_code_path, kind, SHAPE, **build, bottleneck_injection=True)
    embedding, u = module(normal(2, 16), normal(2, 5, seed=3))
    assert u is None
    assert embedding.shape == (2, 32)
    h = normal(2, 8, 4, 4)
    assert module.inject(h, u) is h
    assert module.map_channels == 0
    assert parameters(module) < parameters(full)
    assert full.inject(h, full(normal(2, 16), normal(2, 5))[1]).shape == (2, 8 + full.map_channels, 4, 4)


@pytest.mark.parametrize("changed", ["time", "code"])
def test_linear_map_depends_on_time_and_code(changed):
    module = linear_path()
    time, z = normal(1, 16), normal(1, 5)
    other = module(time + 1, z) if changed == "time" else module(time, z + 1)
    assert not torch.allclose(module(time, z)[1], other[1])


@pytest.mark.parametrize("timed", [False, True])
def test_dense_map_knows_the_time_only_where_codes_depend_on_it(timed):
    module = seeded(DenseMapConditioning, SHAPE, code_size=2, timed=timed)
    time, z = normal(1, 16), normal(1, 2)
    (before, u), (after, later_u) = module(time, z), module(time + 1, z)
    assert torch.equal(before[:, 16:], after[:, 16:]) != timed
    assert torch.equal(u, later_u) != timed
    assert not torch.equal(u, module(time, z + 1)[1])


def test_injection_keeps_the_layout_of_the_bottleneck():
    module = linear_path(resolution=4)
    h = normal(2, 8, 4, 4).to(memory_format=torch.channels_last)
    joined = module.inject(h, module(normal(2, 16), normal(2, 5))[1])
    assert joined.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(joined[:, :8], h)


@pytest.mark.parametrize(
    ("kind", "code_size", "message"),
    [("dense_maps", 2, "did you mean 'dense_map'"), ("linear", 0, "code_size is 0")],
)
def test_settings_that_cannot_work(kind, code_size, message):
    with pytest.raises(UserError, match=message) as caught:
        build_code_path(kind, SHAPE, code_size=code_size, timed=False, bottleneck_injection=True)
    assert "\n" not in str(caught.value)
