"""SimCLR and SimCLR-Gauss: their views, their times, and that they learn."""

import math

import pytest
import torch

from drl.data.batch import Batch
from drl.data.store import to_unit
from drl.methods.contrastive import nt_xent
from drl.methods.simclr_gauss import STD_RANGE
from tests import tiny

KINDS = ["simclr", "simclr_gauss"]


def stripes(n=24):
    """Images whose class is the direction of their stripes, as uint8, and other labels than that."""
    rows, columns = torch.meshgrid(torch.arange(tiny.SIZE), torch.arange(tiny.SIZE), indexing="ij")
    waves = (rows, columns, rows + columns)
    images = torch.stack([127 + 90 * torch.cos(2.0 * waves[k % 3] + 0.3 * k) for k in range(n)])
    return Batch(images[:, None].to(torch.uint8), torch.zeros(n, dtype=torch.int64))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(kind, pixels="standardised", **changes):
    return tiny.method(kind, method={"kind": kind} | changes, pixels=pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_two_different_views_of_each_image(kind):
    views = build(kind).views(stripes().images, seeded())
    assert views.shape == (48, 1, tiny.SIZE, tiny.SIZE)
    assert views.dtype == torch.float32
    first, second = views.chunk(2)
    assert float((first - second).flatten(1).norm(dim=1).min()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_other_images_leave_a_view_alone(kind):
    method, batch = build(kind), stripes()
    other = batch.images.clone()
    other[5] = 255 - other[5]
    first, second = (method.views(images, seeded()) for images in (batch.images, other))
    changed = (first - second).abs().flatten(1).amax(1) > 1e-5
    assert changed.nonzero().flatten().tolist() == [5, 29]


@pytest.mark.parametrize("pixels", ["standardised", "unit", "symmetric"])
def test_simclr_views_are_augmentations_as_the_recipe_scales(pixels):
    method, images = build("simclr", pixels), stripes().images
    unit = to_unit(method.views(images, seeded(4)), pixels, method.pixel_mean, method.pixel_std)
    expected = method.augmentation(torch.cat([images, images]), seeded(4))
    torch.testing.assert_close(unit, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("pixels", ["standardised", "unit"])
def test_gauss_views_are_noisy_images(pixels):
    method, images = build("simclr_gauss", pixels, gauss_std=0.3), stripes(300).images
    noise = method.views(images, seeded()) - method.scale(images).repeat(2, 1, 1, 1)
    assert float(noise.mean()) == pytest.approx(0, abs=4 * 0.3 / noise.numel() ** 0.5)
    assert float(noise.std()) == pytest.approx(0.3, rel=0.02)
    first, second = noise.chunk(2)
    assert abs(float((first * second).mean())) < 4 * 0.09 / first.numel() ** 0.5


def test_the_schedule_is_log_uniform():
    n = 20_000
    std = build("simclr_gauss").noise_std(n, seeded())
    assert STD_RANGE[0] * 0.999 < float(std.min()) < float(std.max()) < STD_RANGE[1] * 1.001
    decades = torch.log10(std).double()
    assert float(decades.mean()) == pytest.approx(-1, abs=4 * 2 / 12**0.5 / n**0.5)
    assert float(decades.std()) == pytest.approx(2 / 12**0.5, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_from_its_parts(kind):
    method, batch = build(kind).eval(), stripes(6)
    loss, parts = method.loss(batch, seeded(7))
    generator = seeded(7)
    times = (1e-5 + torch.rand(12, generator=generator) * (1 - 1e-5)).chunk(2)
    views = method.views(batch.images, generator).chunk(2)
    a, b = (method.projection(method.encoder.latent(view, t)[0]) for view, t in zip(views, times, strict=True))
    expected = float(nt_xent(a, b, 0.5).mean().detach())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    assert float(parts["contrastive"]) == pytest.approx(expected, rel=1e-4)
    cosines = [float((u @ v / (u.norm() * v.norm())).detach()) for u, v in zip(a, b, strict=True)]
    assert float(parts["alignment"]) == pytest.approx(sum(cosines) / 6, rel=1e-4)


def test_temperature_is_a_knob():
    losses = [float(build("simclr", temperature=v).eval().loss(stripes(), seeded())[0].detach()) for v in (0.07, 0.5)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_t_is_random_or_fixed():
    random, fixed = build("simclr"), build("simclr", t=0.5)
    times = random.times(1000, seeded())
    assert 1e-5 <= float(times.min()) < 0.05
    assert 0.95 < float(times.max()) <= 1
    assert torch.equal(fixed.times(3, seeded()), torch.full((3,), 0.5))
    assert torch.equal(build("simclr", t=1).times(2, seeded()), torch.ones(2))


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_alone_decides(kind):
    method, batch = build(kind).eval(), stripes()
    losses = []
    for default, seed in ((0, 3), (1, 3), (1, 4)):
        torch.manual_seed(default)
        losses.append(float(method.loss(batch, seeded(seed))[0].detach()))
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_never_read(kind):
    method, batch = build(kind).eval(), stripes()
    other = Batch(batch.images, batch.labels + 2)
    first, second = (float(method.loss(b, seeded())[0].detach()) for b in (batch, other))
    assert first == second


@pytest.mark.parametrize("kind", KINDS)
def test_codes_are_of_the_clean_image_before_the_head(kind):
    method, images = build(kind).eval(), stripes(5).images
    t = torch.full((5,), 0.3)
    codes = method.encode(images, t)
    expected, _ = method.encoder.latent((images.float() / 255 - 0.5) / 0.25, t)
    torch.testing.assert_close(codes, expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(codes, method.encode(images, t, seeded()))
    assert not torch.allclose(codes, method.encode(images, torch.full((5,), 0.9)))


def train(method, batch, steps):
    """Return the loss at each step."""
    optimiser = torch.optim.Adam(method.parameters(), lr=3e-3)
    generator, losses = seeded(), []
    for _ in range(steps):
        loss, _ = method.loss(batch, generator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("kind", KINDS)
def test_training_lowers_the_loss(kind):
    losses = train(build(kind), stripes(), 40)
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@pytest.mark.parametrize("kind", KINDS)
def test_t_does_not_tell_which_views_belong_together(kind):
    """Images that are all alike cannot be told apart, however long one trains; by a shared t they could."""
    batch = Batch(torch.zeros(16, 1, tiny.SIZE, tiny.SIZE, dtype=torch.uint8), torch.zeros(16, dtype=torch.int64))
    losses = train(build(kind), batch, 60)
    assert sum(losses[-10:]) / 10 > 0.97 * math.log(31)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_reaches_encoder_and_head(kind):
    method = build(kind)
    method.loss(stripes(), seeded())[0].backward()
    for part in (method.encoder.conv, method.encoder.embedding.mlp, method.projection):
        assert all(float(p.grad.abs().sum()) > 0 for p in part.parameters())


def test_bf16_training_is_finite():
    method = build("simclr")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = method.loss(stripes(), seeded())
        inside = method.views(stripes().images, seeded(1))
    loss.backward()
    assert torch.isfinite(loss)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(inside, method.views(stripes().images, seeded(1)), atol=1e-5, rtol=0)
