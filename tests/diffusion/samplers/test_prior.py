"""The start of a chain, and what it leaves in the samples: closed forms for a Gaussian distribution of images."""

from dataclasses import replace

import pytest
import torch

from drl.diffusion.samplers.chain import ChainOptions, run_chain
from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.samplers.prior import prior
from drl.diffusion.samplers.steps import Grid
from drl.diffusion.sde import VE, VP
from tests.diffusion.samplers.gaussian import DEVIATION, MEAN, SHAPE, at_time, exact_score

SDES = [VE(), VP()]
N, STEPS = 3000, 300
# Noise and image are of one size there: sigma(t) = 0.70 under VE; m(t) = 0.81 and std(t) = 0.58 under VP.
EARLY = {VE: 0.5, VP: 0.2}


def kernel(sde, t):
    """m(t) and std(t), as numbers."""
    t = torch.tensor(t, dtype=torch.float64)
    return float(sde.mean_factor(t)), float(sde.std(t))


@pytest.mark.parametrize("t", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
def test_x_has_the_mean_and_the_deviation_of_the_kernel_around_its_image(sde, t):
    (m, std), noise = kernel(sde, t), torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(0))
    times = torch.full((N,), t)
    for image in (None, MEAN, torch.full(SHAPE, 2.0)):
        x = prior(sde, times, noise, None if image is None else image.expand_as(noise)).double()
        mean = 0 if image is None else m * image
        assert ((x.mean(0) - mean).abs() < 5 * std / N**0.5).all()
        assert ((x.std(0) / std - 1).abs() < 5 / (2 * N) ** 0.5).all()


@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
def test_each_image_begins_at_its_own_time(sde):
    noise, times = torch.randn(3, *SHAPE), torch.tensor([0.2, 0.6, 1.0])
    x = prior(sde, times, noise, MEAN.expand_as(noise))
    for row, t in enumerate(times.tolist()):
        m, std = kernel(sde, t)
        assert torch.allclose(x[row], m * MEAN + std * noise[row], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
def test_at_the_end_of_the_sde_it_is_nearly_the_usual_prior(sde):
    noise, t = torch.randn(4, *SHAPE), torch.ones(4)
    usual, ours = prior(sde, t, noise), prior(sde, t, noise, MEAN.expand_as(noise))
    assert (ours - usual).abs().max() < 0.02 * kernel(sde, 1.0)[1]
    assert not torch.equal(ours, usual)


def sample(sde, t_init, image):
    """Samples of the exact score; the noise of the last step is kept, so that their deviation is not too small."""
    options = replace(ChainOptions(corrector="none"), denoise=False)
    noise, grid = ImageNoise(range(N), SHAPE, torch.device("cpu"), 1), Grid(sde, STEPS, 1e-3)
    start = noise.start()
    t = grid.times[grid.first_step(t_init)].float()
    if image == "marginal":
        x = at_time(sde, float(t), start)
    else:
        x = prior(sde, t.expand(N), start, None if image is None else image.expand_as(start))
    return run_chain(exact_score(sde), grid, x, [t_init] * N, noise, None, options).double(), float(t)


def expected(sde, t, mean, variance):
    """Mean and variance of x_0 if x_t is drawn from N(mean, variance), of which the reverse SDE makes p(x_0 | x_t).

    For x_0 ~ N(mu, d^2), x_0 given x_t has the mean mu + k (x_t - m mu) and the variance d^2 std^2 / v, with
    v = m^2 d^2 + std^2 and k = m d^2 / v.
    """
    m, std = kernel(sde, t)
    v = m**2 * DEVIATION.double() ** 2 + std**2
    gain = m * DEVIATION.double() ** 2 / v
    return MEAN + gain * (mean - m * MEAN), DEVIATION.double() ** 2 * std**2 / v + gain**2 * variance


@pytest.mark.parametrize("sde", SDES, ids=["ve", "vp"])
@pytest.mark.parametrize("of", ["marginal", "mean image", "zero", "white"])
def test_samples_have_the_moments_that_follow_from_their_start(sde, of):
    """The exact marginal and the mean image give the mean of the data; other images do not."""
    image = {"marginal": "marginal", "mean image": MEAN, "zero": None, "white": torch.ones(SHAPE)}[of]
    x, t = sample(sde, EARLY[type(sde)], image)
    m, std = kernel(sde, t)
    begins = MEAN if of in ("marginal", "mean image") else torch.zeros(SHAPE) if image is None else image
    variance = std**2 + (m**2 * DEVIATION.double() ** 2 if of == "marginal" else 0)
    mean, variance = expected(sde, t, m * begins.double(), variance)
    # Five standard errors, and the bias that a grid of 300 steps leaves in the deviation.
    error = (x.mean(0) - mean).abs() / variance.sqrt()
    assert (error < 5 / N**0.5).all(), error.max()
    ratio = (x.std(0) / variance.sqrt() - 1).abs()
    assert (ratio < 5 / (2 * N) ** 0.5 + 0.01).all(), ratio.max()

    off = ((x.mean(0) - MEAN).abs() / DEVIATION).max()
    assert (off < 0.15) == (of in ("marginal", "mean image")), off
    # The deviation of the data is missing at the start: around its mean image, samples vary less than the data.
    assert (x.std(0).mean() < 0.96 * DEVIATION.mean()) == (of != "marginal")
