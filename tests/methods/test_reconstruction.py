"""AE, VAE, DAE and CDAE, put together slowly from their parts."""

import pytest
import torch
from torch.nn import functional as F

from drl.data.batch import Batch
from drl.diffusion.sde import VE, VP
from tests import tiny

B = 4


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (B, 1, 8, 8), generator=torch.Generator().manual_seed(3)).to(torch.uint8)
    return Batch(images, torch.zeros(B, dtype=torch.int64))


def unit(images):
    return images.float() / 255


def standardised(images):
    return (unit(images) - 0.5) / 0.25


def under(sde, network):
    """Return what a recipe must say to train under an SDE."""
    sizes = {"score": tiny.SCORE | {"scale_by_sigma": False}, "decoder": tiny.DECODER}[network]
    return {"sde": {"kind": sde}, network: sizes | {"embedding": "fourier" if sde == "ve" else "positional"}}


def times(generator):
    return 1e-5 + torch.rand(B, generator=generator) * (1 - 1e-5)


@pytest.mark.parametrize("recon", ["l2", "bce"])
def test_ae_image_by_image(batch, recon):
    """With standardised pixels l2 compares those, and bce the pixels in [0, 1] all the same."""
    method = tiny.method("ae", method={"kind": "ae", "recon": recon, "l1_weight": 0.1}).eval()
    loss, parts = method.loss(batch, torch.Generator().manual_seed(5))
    t = times(torch.Generator().manual_seed(5))
    reconstruction = penalty = 0.0
    with torch.no_grad():
        for i in range(B):
            x = standardised(batch.images[i : i + 1])
            z = method.encoder.features(x, t[i : i + 1])
            output = method.decoder(z, VE().std(t[i : i + 1]))
            if recon == "l2":
                reconstruction += 0.5 * float(((output - x) ** 2).sum()) / B
            else:
                target, p = unit(batch.images[i : i + 1]), torch.sigmoid(output.double())
                entropy = -(target * p.log() + (1 - target) * (1 - p).log())
                reconstruction += 0.5 * float(entropy.sum()) / B
            penalty += 0.1 * float(z.abs().sum()) / B
    assert float(parts["reconstruction"]) == pytest.approx(reconstruction, rel=1e-4)
    assert float(parts["penalty"]) == pytest.approx(penalty, rel=1e-4)
    assert float(loss.detach()) == pytest.approx(reconstruction + penalty, rel=1e-4)


def test_vae_image_by_image(batch):
    method = tiny.method("vae").eval()
    _, parts = method.loss(batch, torch.Generator().manual_seed(6))
    generator = torch.Generator().manual_seed(6)
    t, code_noise = times(generator), torch.randn(B, 64, generator=generator)
    x = standardised(batch.images)
    with torch.no_grad():
        mean, log_variance = method.encoder.latent(x, t)
        z = mean + code_noise * (log_variance / 2).exp()
        reconstruction = 0.5 * ((method.decoder(z, VE().std(t)) - x) ** 2).flatten(1).sum(1).mean()
        kl = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
    assert float(parts["reconstruction"]) == pytest.approx(float(reconstruction), rel=1e-4)
    assert float(parts["penalty"]) == pytest.approx(float(kl), rel=1e-4)


@pytest.mark.parametrize("sde", ["ve", "vp"])
def test_dae_sees_x_t_and_reconstructs_x_0(batch, sde):
    method = tiny.method("dae", **under(sde, "decoder")).eval()
    process = {"ve": VE(), "vp": VP()}[sde]
    _, parts = method.loss(batch, torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(7)
    t, noise = times(generator), torch.randn(B, 1, 8, 8, generator=generator)
    x = standardised(batch.images)
    with torch.no_grad():
        m, std = (f(t)[:, None, None, None] for f in (process.mean_factor, process.std))
        z = method.encoder.features(m * x + std * noise, t)
        expected = 0.5 * ((method.decoder(z, process.noise_label(t)) - x) ** 2).flatten(1).sum(1).mean()
    assert float(parts["reconstruction"]) == pytest.approx(float(expected), rel=1e-4)
    assert float(parts["penalty"]) == 0


def test_dae_codes_of_clean_and_of_noisy_images(batch):
    method = tiny.method("dae").eval()
    t = torch.full((B,), 0.5)
    clean, again = (method.encode(batch.images, t) for _ in range(2))
    noisy, same, other = (method.encode(batch.images, t, torch.Generator().manual_seed(k)) for k in (1, 1, 2))
    assert torch.equal(clean, again)
    assert torch.equal(noisy, same)
    assert not torch.allclose(noisy, clean)
    assert not torch.allclose(noisy, other)
    x_t = standardised(batch.images) + VE().std(t)[:, None, None, None] * torch.randn(
        B, 1, 8, 8, generator=torch.Generator().manual_seed(1)
    )
    assert torch.allclose(noisy, method.encoder.features(x_t, t), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale_by_sigma", [False, True])
def test_cdae_predicts_x_0(batch, scale_by_sigma):
    method = tiny.method("cdae", score=tiny.SCORE | {"scale_by_sigma": scale_by_sigma}).eval()
    _, parts = method.loss(batch, torch.Generator().manual_seed(8))
    generator = torch.Generator().manual_seed(8)
    t, noise = times(generator), torch.randn(B, 1, 8, 8, generator=generator)
    x, sigma = standardised(batch.images), VE().std(t)
    with torch.no_grad():
        z = method.encoder.features(x, t)
        output = method.score_network(x + sigma[:, None, None, None] * noise, sigma, z)
        output = output / sigma[:, None, None, None] if scale_by_sigma else output
        expected = 0.5 * ((output - x) ** 2).flatten(1).sum(1).mean()
    assert float(parts["denoising"]) == pytest.approx(float(expected), rel=1e-4)
    assert float(parts["penalty"]) == pytest.approx(1e-5 * float(z.abs().sum(1).mean()), rel=1e-4)


@pytest.mark.parametrize("sde", ["ve", "vp"])
def test_cdae_score_of_a_perfect_prediction(batch, sde):
    """If the network knew x_0, its score would be the kernel's, -z / std."""
    method = tiny.method("cdae", **under(sde, "score")).eval()
    x_0, t = standardised(batch.images), torch.full((B,), 0.4)
    method.network = lambda x, label, z: x_0
    noise = torch.randn(x_0.shape, generator=torch.Generator().manual_seed(0))
    std = method.sde.std(t)[:, None, None, None]
    x_t = method.sde.mean_factor(t)[:, None, None, None] * x_0 + std * noise
    assert torch.allclose(method.score(x_t, t, None), -noise / std, rtol=1e-3, atol=1e-4)


def test_dequantised_pixels_fill_the_gaps_between_bytes(batch):
    """The decoder of the stand-alone nets ends in a sigmoid, and its target is (byte + U(0, 1)) / 256."""
    method = tiny.method(
        "ae",
        pixels="unit",
        method={"kind": "ae", "dequantise": True},
        encoder={"kind": "convolutional", "code_size": 3},
        decoder={"kind": "convolutional"},
        objective={"reduction": "sum"},
    ).eval()
    _, parts = method.loss(batch, torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(9)
    times(generator)
    x = (batch.images + torch.rand(batch.images.shape, generator=generator)) / 256
    with torch.no_grad():
        output = torch.sigmoid(method.decoder(method.encoder.latent(x)[0]))
    assert float(parts["reconstruction"]) == pytest.approx(
        float(((output - x) ** 2).flatten(1).sum(1).mean()), rel=1e-4
    )


def test_autoencoders_without_time_have_one_code_for_all_t(batch):
    changes = {"encoder": {"kind": "convolutional"}, "decoder": {"kind": "convolutional"}, "pixels": "unit"}
    for kind in ("ae", "vae"):
        method = tiny.method(kind, **changes).eval()
        early, late = (method.encode(batch.images, torch.full((B,), t)) for t in (0.0, 1.0))
        assert torch.equal(early, late)
        assert early.shape == (B, 8)


@pytest.mark.parametrize("kind", ["ae", "vae", "dae", "cdae"])
def test_labels_are_never_read_and_all_parts_learn(batch, kind):
    method = tiny.method(kind)
    loss = method.loss(batch, torch.Generator().manual_seed(0))[0]
    loss.backward()
    without = [
        name
        for name, parameter in method.named_parameters()
        if parameter.grad is None and "classifier" not in name and "param_t" not in name
    ]
    assert without == []
    method.eval()
    other = Batch(batch.images, batch.labels + 2)
    losses = [float(method.loss(b, torch.Generator().manual_seed(0))[0].detach()) for b in (batch, other)]
    assert losses[0] == losses[1]


def test_centred_inputs_are_what_networks_see_and_noise_is_added_before(batch):
    """Networks of the authors' 8-d models are given 2x - 1 of an x that has its noise already."""
    method = tiny.method("drl", pixels="unit", centre_inputs=True).eval()
    _, parts = method.loss(batch, torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    t, noise = times(generator), torch.randn(B, 1, 8, 8, generator=generator)
    x, sigma = unit(batch.images), VE().std(t)[:, None, None, None]
    with torch.no_grad():
        z = method.encoder.features(2 * x - 1, t)
        score = method.score_network(2 * (x + sigma * noise) - 1, sigma.flatten(), z) / sigma
        expected = 0.5 * ((sigma * score + noise) ** 2).flatten(1).sum(1).mean()
    assert float(parts["denoising"]) == pytest.approx(float(expected), rel=1e-4)


def test_bce_is_torchs_own_on_pixels_in_unit_range(batch):
    method = tiny.method("dae", method={"kind": "dae", "recon": "bce"}).eval()
    output = torch.randn(B, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    target = unit(batch.images)
    ours = method.reconstruction_loss(output, standardised(batch.images), target)
    theirs = 0.5 * F.binary_cross_entropy_with_logits(output, target, reduction="none").flatten(1).sum(1)
    assert torch.allclose(ours, theirs)
