import pytest
import torch

from drl.config.diffusion import SigmaUniformTimes, SingleTime, UniformTimes
from drl.diffusion.sde import VE
from drl.diffusion.times import sample_times

N = 40_000


def draw(settings, seed=0):
    return sample_times(settings, VE(), N, torch.Generator().manual_seed(seed))


def test_uniform_times_are_uniform_and_never_below_epsilon():
    t = draw(UniformTimes(epsilon=0.2))
    assert float(t.min()) >= 0.2
    assert float(t.max()) <= 1.0
    assert float(t.mean()) == pytest.approx(0.6, abs=0.01)
    assert float(t.var()) == pytest.approx(0.8**2 / 12, rel=0.03)


def test_sigma_uniform_times_have_uniform_sigma():
    sigma = VE().std(draw(SigmaUniformTimes()))
    shares = torch.histc(sigma, 10, 0.01, 50) / N
    assert torch.allclose(shares, torch.full((10,), 0.1), atol=0.01)


def test_sigma_uniform_focuses_on_high_noise():
    t = draw(SigmaUniformTimes())
    # sigma(0.5) is 0.7071 of 50, so only about 1.4 % of the draws lie below t = 0.5.
    assert float((t < 0.5).float().mean()) == pytest.approx(0.7071 / 50, abs=0.004)


def test_single_time():
    assert torch.equal(draw(SingleTime(t=0.25)), torch.full((N,), 0.25))


def test_draws_follow_the_generator():
    settings = UniformTimes(epsilon=1e-5)
    assert torch.equal(draw(settings, 1), draw(settings, 1))
    assert not torch.equal(draw(settings, 1), draw(settings, 2))
