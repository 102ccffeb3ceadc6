"""A data distribution whose score is known: independent entries, x_0 ~ N(MEAN, DEVIATION^2)."""

import torch

from drl.diffusion.samplers.chain import run_chain
from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.samplers.steps import Grid

SHAPE = (1, 6, 6)
MEAN = torch.linspace(-0.8, 0.8, 36).reshape(SHAPE)
# Alike: the corrector moves all entries by one step size, from the norm of the whole score.
DEVIATION = torch.linspace(0.4, 0.6, 36).reshape(SHAPE)


def exact_score(sde):
    def score(x, t, z=None):
        m, std = sde.mean_factor(t)[:, None, None, None], sde.std(t)[:, None, None, None]
        return -(x - m * MEAN.to(x)) / (m**2 * DEVIATION.to(x) ** 2 + std**2)

    return score


def at_time(sde, t, noise):
    """x_t for images of the distribution, exactly, from noise of that shape."""
    t = torch.tensor([t])
    m, std = sde.mean_factor(t), sde.std(t)
    return m * MEAN + torch.sqrt(m**2 * DEVIATION**2 + std**2) * noise


def sample(sde, n, steps, options, t_init=1.0, seed=0, epsilon=1e-3):
    noise = ImageNoise(range(seed, seed + n), SHAPE, torch.device("cpu"), options.draws)
    grid = Grid(sde, steps, epsilon)
    return run_chain(exact_score(sde), grid, at_time(sde, t_init, noise.start()), [t_init] * n, noise, None, options)
