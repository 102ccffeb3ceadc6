"""Code usage: own code against another image's, everything else equal."""

import pytest
import torch

from drl.data.store import ImageStore
from drl.training import code_usage as module
from drl.training.code_usage import code_usage
from tests import tiny


@pytest.fixture
def store(stripes):
    return ImageStore.open(stripes)


def numbers(method, store, images=6, seed=0):
    return {(row["t"], row["metric"]): row["value"] for row in code_usage(method, store, images, [0.3, 0.8], seed)}


def test_the_gap_is_the_difference_and_is_there_when_the_code_matters(store):
    found = numbers(tiny.method("drl"), store)
    for t in (0.3, 0.8):
        gap = found[t, "loss_other_code"] - found[t, "loss_own_code"]
        assert found[t, "code_worth"] == pytest.approx(gap)
        assert abs(gap) > 1e-4


def test_a_score_that_ignores_the_code_has_no_gap(store):
    method = tiny.method("drl")
    with torch.no_grad():
        for parameter in method.score_network.conditioning.parameters():
            parameter.zero_()
    found = numbers(method, store)
    assert found[0.3, "code_worth"] == found[0.8, "code_worth"] == 0


def test_every_partner_is_another_image_also_across_chunks(store, monkeypatch):
    """With a chunk of one image, and codes that name their image, no image meets its own code."""
    monkeypatch.setattr(module, "CHUNK", 1)
    method, pairs = tiny.method("drl"), []
    monkeypatch.setattr(method, "encode", lambda images, t: images.flatten(1).float())

    def loss(x_0, t, z, noise):
        own = torch.equal(method.scale(z.reshape(x_0.shape).to(torch.uint8)), x_0)
        pairs.append(own)
        return torch.zeros(len(x_0))

    monkeypatch.setattr(method, "denoising_loss", loss)
    code_usage(method, store, 6, [0.5], 0)
    assert pairs == [True, False] * 6


def test_numbers_repeat_and_leave_training_as_it_was(store):
    method = tiny.method("vdrl").train()
    before = torch.get_rng_state()
    assert numbers(method, store) == numbers(method, store)
    assert torch.equal(before, torch.get_rng_state())
    assert method.training
    assert numbers(method, store, seed=1) != numbers(method, store)
