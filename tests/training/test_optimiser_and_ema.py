import math

import pytest
import torch

from drl.config.recipes import OptimiserSettings
from drl.training.ema import MovingAverage
from drl.training.optimiser import WarmedAdam

SETTINGS = OptimiserSettings(
    learning_rate=0.1,
    betas=[0.9, 0.999],
    epsilon=1e-8,
    weight_decay=0.01,
    warmup_steps=4,
    schedule="constant",
    gradient_clip=1.0,
)
TOTAL = 10


def gradients(step):
    generator = torch.Generator().manual_seed(step)
    return [3 * torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((3, 2), (4,))]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_adam_with_warm_up_and_clipping_against_the_formulas(schedule):
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(s, dtype=torch.float64)) for s in ((3, 2), (4,))]
    slow = [p.detach().clone() for p in parameters]
    m, v = [torch.zeros_like(p) for p in slow], [torch.zeros_like(p) for p in slow]
    optimiser = WarmedAdam(parameters, SETTINGS.model_copy(update={"schedule": schedule}), TOTAL)
    for step in range(7):
        grads = gradients(step)
        for parameter, gradient in zip(parameters, grads, strict=True):
            parameter.grad = gradient.clone()
        optimiser.step(optimiser.rate_of(step))
        norm = torch.sqrt(sum((g**2).sum() for g in grads))
        rate = 0.1 * min(step / 4, 1) * (1 if schedule == "constant" else (1 + math.cos(math.pi * step / 10)) / 2)
        for k, gradient in enumerate(grads):
            g = gradient * min(1.0, float(1 / (norm + 1e-6))) + 0.01 * slow[k]
            m[k] = 0.9 * m[k] + 0.1 * g
            v[k] = 0.999 * v[k] + 0.001 * g**2
            m_hat, v_hat = m[k] / (1 - 0.9 ** (step + 1)), v[k] / (1 - 0.999 ** (step + 1))
            slow[k] = slow[k] - rate * m_hat / (v_hat.sqrt() + 1e-8)
        for parameter, expected in zip(parameters, slow, strict=True):
            assert torch.allclose(parameter.detach(), expected, rtol=1e-9)
            assert parameter.grad is None


def test_the_first_step_changes_nothing():
    parameter = torch.nn.Parameter(torch.ones(3))
    optimiser = WarmedAdam([parameter], SETTINGS, TOTAL)
    parameter.grad = torch.ones(3)
    optimiser.step(optimiser.rate_of(0))
    assert torch.equal(parameter.detach(), torch.ones(3))


def test_moments_survive_a_round_trip():
    torch.manual_seed(0)
    first, second = (torch.nn.Parameter(torch.ones(4, dtype=torch.float64)) for _ in range(2))
    one, two = WarmedAdam([first], SETTINGS, TOTAL), WarmedAdam([second], SETTINGS, TOTAL)
    for step in range(3):
        first.grad = torch.full((4,), 0.1 * step, dtype=torch.float64)
        one.step(one.rate_of(step))
    with torch.no_grad():
        second.copy_(first)
    two.load({name: value.clone() for name, value in one.tensors().items()})
    for step in (3, 4):
        for parameter, optimiser in ((first, one), (second, two)):
            parameter.grad = torch.full((4,), 0.3, dtype=torch.float64)
            optimiser.step(optimiser.rate_of(step))
    assert torch.equal(first, second)


def test_parameters_without_gradient_are_left_alone():
    used, unused = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimiser = WarmedAdam([used, unused], SETTINGS.model_copy(update={"warmup_steps": 0}), TOTAL)
    used.grad = torch.ones(2)
    optimiser.step(optimiser.rate_of(0))
    assert torch.equal(unused.detach(), torch.ones(2))
    assert not torch.equal(used.detach(), torch.ones(2))


def test_moving_average_against_the_formula():
    parameter = torch.zeros(1, dtype=torch.float64)
    average = MovingAverage([parameter], 0.5)
    slow = 0.0
    for n in range(1, 20):
        parameter += n
        average.update(average.decay_of(n))
        decay = min(0.5, (1 + n) / (10 + n))
        slow = decay * slow + (1 - decay) * float(parameter)
    assert float(average.shadow[0]) == pytest.approx(slow, rel=1e-12)
