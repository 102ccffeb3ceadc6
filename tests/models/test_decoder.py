"""The reconstruction decoder."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.decoder import ReconstructionDecoder, UNetDecoder
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

TOY = {"image_size": 8, "nf": 8, "channel_multipliers": (1, 2), "attention_resolutions": (8,)}


@pytest.mark.parametrize(
    ("settings", "count"),
    [({"image_size": 32}, 353_907), ({"image_size": 84, "channel_multipliers": (1, 2, 2)}, 257_555)],
)
def test_sizes_of_the_paper(settings, count):
    assert parameters(ReconstructionDecoder(**settings)) == count


@pytest.mark.parametrize("fir", [False, True])
def test_forward_from_the_flat_list_of_parameters(fir):
    decoder = shaken(seeded(ReconstructionDecoder, **TOY, fir=fir))
    u, embedding = normal(2, 16, 4, 4), normal(2, 64, seed=3)
    weights = iter(decoder.parameters())
    expected = reference.middle_and_up(weights, u, embedding, 8, (1, 2), 2, {8}, None, fir)
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


def test_size_of_the_decoder_with_its_embedding_and_latent_path():
    time = (32 * 64 + 64) + (64 * 64 + 64)
    assert parameters(UNetDecoder(image_size=32)) == time + 107_328 + 353_907


@pytest.mark.parametrize(
    ("size", "channels", "multipliers", "embedding"),
    [(32, 3, (1, 2, 2), "fourier"), (28, 1, (1, 2), "positional"), (16, 1, (1, 2), "fourier"), (8, 3, (1,), "fourier")],
)
def test_decoder_of_codes_is_its_three_parts(size, channels, multipliers, embedding):
    decoder = shaken(
        seeded(
            UNetDecoder, image_size=size, channels=channels, nf=4, channel_multipliers=multipliers, blocks=1,
            code_size=5, embedding=embedding, fourier_scale=1.0,
        )
    )  # fmt: skip
    z, level = normal(2, 5), torch.tensor([0.3, 7.0])
    y = decoder(z, level)
    assert y.shape == (2, channels, size, size)
    joined, u = decoder.conditioning(decoder.embedding(level), z)
    assert torch.equal(y, decoder.decoder(u, joined))
    assert (y - decoder(z + 1, level)).abs().max() > 1e-3
    assert (y - decoder(z, 2 * level)).abs().max() > 1e-3


def test_gradients_reach_every_parameter_of_the_decoder_of_codes():
    decoder = shaken(seeded(UNetDecoder, **TOY, code_size=5)).train()
    decoder(normal(2, 5), torch.tensor([0.3, 7.0])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in decoder.parameters())


def test_code_of_no_entries():
    with pytest.raises(UserError, match="code_size is 0"):
        UNetDecoder(**TOY, code_size=0)
