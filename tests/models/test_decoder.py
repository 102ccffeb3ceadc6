"""The reconstruction decoder."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from drl.models.decoder import ReconstructionDecoder
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

TOY = {"image_size": 8, "nf": 8, "channel_multipliers": (1, 2), "attention_resolutions": (8,)}


@pytest.mark.parametrize(
    ("settings", "count"),
    [({"image_size": 32}, 353_907), ({"image_size": 84, "channel_multipliers": (1, 2, 2)}, 257_555)],
)
def test_sizes_of_the_paper(settings, count):
    assert parameters(ReconstructionDecoder(**settings)) == count


def test_forward_from_the_flat_list_of_parameters():
    decoder = shaken(seeded(ReconstructionDecoder, **TOY))
    u, embedding = normal(2, 16, 4, 4), normal(2, 64, seed=3)
    weights = iter(decoder.parameters())
    expected = reference.middle_and_up(weights, u, embedding, 8, (1, 2), 2, {8}, None)
    assert next(weights, None) is None
    torch.testing.assert_close(decoder(u, embedding), expected, atol=1e-4, rtol=1e-4)


def test_starts_at_zero_and_gradients_reach_every_parameter():
    decoder = seeded(ReconstructionDecoder, **TOY, channels=1)
    u, embedding = normal(2, 16, 4, 4), normal(2, 64)
    y = decoder(u, embedding)
    assert y.shape == (2, 1, 8, 8)
    assert y.abs().max() < 1e-3
    loss = F.binary_cross_entropy_with_logits(shaken(decoder)(u, embedding), torch.rand_like(y))
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decoder.parameters())
