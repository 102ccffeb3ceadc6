"""DRL's and VDRL's objectives, put together slowly from their parts."""

import pytest
import torch

from drl.data.batch import Batch
from drl.diffusion.sde import VE
from tests import tiny

B = 5


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (B, 1, tiny.SIZE, tiny.SIZE), generator=generator).to(torch.uint8)
    return Batch(images, torch.zeros(B, dtype=torch.int64))


def draws(seed, mixup=False, code=0):
    """Take from a generator what the objective takes, in its order."""
    generator = torch.Generator().manual_seed(seed)
    t = 1e-5 + torch.rand(B, generator=generator) * (1 - 1e-5)
    noise = torch.randn(B, 1, tiny.SIZE, tiny.SIZE, generator=generator)
    lam = torch.rand(B, generator=generator) if mixup else torch.ones(B)
    permutation = torch.randperm(B, generator=generator) if mixup else torch.arange(B)
    code_noise = torch.randn(B, code, generator=generator) if code else None
    return t, noise, lam, permutation, code_noise


def slow_denoising(method, x, t, z, noise, i):
    sigma = VE().std(t[i])
    x_t = x[i] + sigma * noise[i]
    output = method.score_network(x_t[None], sigma[None], z[None])[0]
    score = output / sigma
    return 0.5 * float(((sigma * score + noise[i]) ** 2).sum())


def standardised(images):
    return (images.float() / 255 - 0.5) / 0.25


@pytest.mark.parametrize("mixup", [False, True])
def test_drl_loss_image_by_image(batch, mixup):
    method = tiny.method("drl", method={"kind": "drl", "l1_weight": 0.3, "mixup": mixup}).eval()
    loss, parts = method.loss(batch, torch.Generator().manual_seed(7))
    t, noise, lam, permutation, _ = draws(7, mixup)
    x = standardised(batch.images)
    denoising = penalty = 0.0
    with torch.no_grad():
        for i in range(B):
            clean = lam[i] * x[i] + (1 - lam[i]) * x[permutation[i]]
            z = method.encoder.features(clean[None], t[i : i + 1])[0]
            weight = 2 * float(lam[i]) if mixup else 1.0
            denoising += weight * slow_denoising(method, x, t, z, noise, i) / B
            penalty += 0.3 * float(z.abs().sum()) / B
    assert float(parts["denoising"]) == pytest.approx(denoising, rel=1e-4)
    assert float(parts["penalty"]) == pytest.approx(penalty, rel=1e-4)
    assert float(loss.detach()) == pytest.approx(denoising + penalty, rel=1e-4)


def test_vdrl_loss_image_by_image(batch):
    method = tiny.method("vdrl", method={"kind": "vdrl", "kl_weight": 0.2}).eval()
    _, parts = method.loss(batch, torch.Generator().manual_seed(8))
    t, noise, _, _, code_noise = draws(8, code=64)
    x = standardised(batch.images)
    denoising = penalty = 0.0
    with torch.no_grad():
        for i in range(B):
            out = method.encoder.linear_latent(method.encoder.features(x[i : i + 1], t[i : i + 1]))[0]
            mean, log_variance = out[:64], out[64:]
            z = mean + code_noise[i] * (log_variance / 2).exp()
            denoising += slow_denoising(method, x, t, z, noise, i) / B
            kl = -0.5 * float((1 + log_variance - mean**2 - log_variance.exp()).sum())
            penalty += 0.2 * kl / B
    assert float(parts["denoising"]) == pytest.approx(denoising, rel=1e-4)
    assert float(parts["penalty"]) == pytest.approx(penalty, rel=1e-4)


@pytest.mark.parametrize("kind", ["drl", "vdrl"])
def test_labels_are_never_read(batch, kind):
    method = tiny.method(kind).eval()
    other = Batch(batch.images, batch.labels + 2)
    first, second = (float(method.loss(b, torch.Generator().manual_seed(0))[0].detach()) for b in (batch, other))
    assert first == second


def test_codes(batch):
    t = torch.full((B,), 0.3)
    drl, vdrl = tiny.method("drl").eval(), tiny.method("vdrl").eval()
    assert drl.encode(batch.images, t).shape == (B, 64)
    assert float(drl.encode(batch.images, t).detach().min()) >= 0  # pooled after a ReLU
    mean = vdrl.encode(batch.images, t)
    samples = torch.stack([vdrl.encode(batch.images, t, torch.Generator().manual_seed(k)).detach() for k in range(200)])
    assert torch.equal(mean, vdrl.encode(batch.images, t))
    assert float((samples.mean(0) - mean.detach()).abs().max()) < 6 * float(samples.std(0).max()) / 200**0.5


def test_codes_depend_on_t(batch):
    method = tiny.method("drl").eval()
    early, late = (method.encode(batch.images, torch.full((B,), t)) for t in (0.1, 0.9))
    assert not torch.allclose(early, late)


@pytest.mark.parametrize("kind", ["drl", "vdrl"])
def test_the_loss_reaches_the_encoder_only_through_the_code(batch, kind):
    """With the penalty off, the encoder learns what denoising asks of it, and nothing if the score ignores the code."""
    weight = {"drl": "l1_weight", "vdrl": "kl_weight"}[kind]
    method = tiny.method(kind, method={"kind": kind, weight: 0.0})
    method.loss(batch, torch.Generator().manual_seed(0))[0].backward()
    reached = [float(p.grad.abs().sum()) for p in method.encoder.parameters() if p.grad is not None]
    assert sum(reached) > 0
    method.zero_grad()
    with torch.no_grad():
        for parameter in method.score_network.conditioning.parameters():
            parameter.zero_()
    method.loss(batch, torch.Generator().manual_seed(0))[0].backward()
    assert sum(float(p.grad.abs().sum()) for p in method.encoder.parameters() if p.grad is not None) == 0


def test_edm_is_a_knob(batch):
    paper, edm = (
        tiny.method("drl", objective={"preconditioning": kind, "weighting": kind}).eval() for kind in ("paper", "edm")
    )
    losses = [float(m.loss(batch, torch.Generator().manual_seed(0))[0].detach()) for m in (paper, edm)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
