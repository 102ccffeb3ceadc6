import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from drl.diffusion.losses import denoising_score_matching, kl_penalty, l1_penalty, mix, reduce_entries


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_denoising_score_matching_against_loops(generator):
    score, noise = (torch.randn(3, 2, 4, 4, generator=generator) for _ in range(2))
    std = torch.tensor([0.1, 1.0, 7.0])
    sums, means = [], []
    for b in range(3):
        total = 0.0
        for c in range(2):
            for i in range(4):
                for j in range(4):
                    s, z, sigma = float(score[b, c, i, j]), float(noise[b, c, i, j]), float(std[b])
                    # sigma^2 |s - grad log p(x_t | x_0)|^2 with grad log p = -z / sigma, as the paper writes it.
                    total += sigma**2 * (s + z / sigma) ** 2
        sums.append(0.5 * total)
        means.append(total / 32)
    assert torch.allclose(denoising_score_matching(score, noise, std), torch.tensor(sums), rtol=1e-4)
    assert torch.allclose(denoising_score_matching(score, noise, std, "mean"), torch.tensor(means), rtol=1e-4)


def test_the_true_kernel_score_has_no_loss(generator):
    noise, std = torch.randn(5, 3, 2, 2, generator=generator), torch.rand(5, generator=generator) + 0.1
    perfect = -noise / std[:, None, None, None]
    assert float(denoising_score_matching(perfect, noise, std).max()) < 1e-10


def test_kl_against_torch_distributions(generator):
    mean, log_variance = (torch.randn(6, 4, generator=generator) for _ in range(2))
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_penalty(mean, log_variance), expected, rtol=1e-5)


def test_kl_of_the_prior_is_zero():
    assert float(kl_penalty(torch.zeros(1, 9), torch.zeros(1, 9))) == 0


def test_l1_is_the_sum_of_absolute_values():
    assert torch.equal(l1_penalty(torch.tensor([[1.0, -2.0], [0.0, 3.0]])), torch.tensor([3.0, 3.0]))


def test_mix_keeps_the_image_at_one_and_takes_the_other_at_zero(generator):
    x = torch.randn(3, 1, 2, 2, generator=generator)
    permutation = torch.tensor([2, 0, 1])
    mixed = mix(x, torch.tensor([1.0, 0.0, 0.25]), permutation)
    assert torch.allclose(mixed[0], x[0])
    assert torch.allclose(mixed[1], x[0])
    assert torch.allclose(mixed[2], 0.25 * x[2] + 0.75 * x[1])


def test_reductions(generator):
    squares = torch.rand(2, 3, 4, 4, generator=generator)
    assert torch.allclose(reduce_entries(squares, "half_sum"), reduce_entries(squares, "mean") * 48 / 2)
    assert not math.isnan(float(reduce_entries(squares, "mean").sum()))
