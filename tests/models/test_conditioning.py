"""The latent path."""

from __future__ import annotations

import pytest
import torch

from drl.models.conditioning import CodeConditioning
from tests.models import reference
from tests.models.common import normal, seeded


def test_embedding_and_map_by_hand():
    module = seeded(CodeConditioning, nf=4, code_size=5, resolution=3)
    time, z = normal(2, 16), normal(2, 5, seed=3)
    embedding, u = module(time, z)
    weight, bias, *layers = module.parameters()
    joined = torch.cat([time, z @ weight.T + bias], dim=1)
    torch.testing.assert_close(embedding, joined)
    expected = joined
    for i in range(3):
        expected = reference.swish(expected @ layers[2 * i].T + layers[2 * i + 1])
    torch.testing.assert_close(u, expected.reshape(2, 8, 3, 3))
    assert [tuple(p.shape) for p in layers[::2]] == [(24, 32), (24, 24), (72, 24)]


def test_without_injection_there_is_no_map():
    module = seeded(CodeConditioning, nf=4, code_size=5, resolution=3, bottleneck_injection=False)
    embedding, u = module(normal(2, 16), normal(2, 5))
    assert u is None
    assert embedding.shape == (2, 32)
    assert sum(1 for _ in module.parameters()) == 2


@pytest.mark.parametrize("changed", ["time", "code"])
def test_map_depends_on_time_and_code(changed):
    module = seeded(CodeConditioning, nf=4, code_size=5, resolution=2)
    time, z = normal(1, 16), normal(1, 5)
    other = module(time + 1, z) if changed == "time" else module(time, z + 1)
    assert not torch.allclose(module(time, z)[1], other[1])
