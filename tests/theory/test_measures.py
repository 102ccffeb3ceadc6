"""The constant of Eq. 6 by two routes, and losses beside it."""

import pytest
import torch

from drl.diffusion.sde import VE, VP
from drl.theory.measures import Mean, constant, constant_by_quadrature, draw, losses
from drl.theory.mixture import Mixture, make_mixture
from drl.theory.models import ScoreModel
from drl.theory.training import MODELS, TheoryTraining
from tests.theory.common import settings

MIXTURE = make_mixture(settings().mixture)
SDES = [VE(), VP()]
TIMES = [0.1, 0.35, 0.5, 0.7, 1.0]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("sde", SDES)
def test_drawing_and_quadrature_agree(sde, t):
    drawn = constant(MIXTURE, sde, t, 8000, generator())
    assert drawn.n == 8000
    assert constant_by_quadrature(MIXTURE, sde, t, 40) == pytest.approx(drawn.value, abs=4 * drawn.error)
    assert drawn.error < 0.03 * drawn.value


@pytest.mark.parametrize("sde", SDES)
@pytest.mark.parametrize("t", TIMES)
def test_more_nodes_change_nothing(sde, t):
    coarse, fine = (constant_by_quadrature(MIXTURE, sde, t, nodes) for nodes in (30, 60))
    assert coarse == pytest.approx(fine, rel=2e-3)


@pytest.mark.parametrize("sde", SDES)
@pytest.mark.parametrize("t", TIMES)
def test_of_one_gaussian_it_is_known(sde, t):
    """That is, d / 2 (1 - std^2 / (m^2 s^2 + std^2)), as tests/diffusion/test_gaussian_score.py has it."""
    one = Mixture(torch.zeros(1, 3, dtype=torch.float64), 0.8, torch.zeros(1, dtype=torch.int64))
    time = torch.tensor(t, dtype=torch.float64)
    m, std = float(sde.mean_factor(time)), float(sde.std(time))
    expected = 1.5 * (1 - std**2 / (m**2 * 0.64 + std**2))
    assert constant_by_quadrature(one, sde, t, 3) == pytest.approx(expected, rel=1e-9)
    drawn = constant(one, sde, t, 6000, generator(1))
    assert drawn.value == pytest.approx(expected, abs=4 * drawn.error)


def test_factors_add_up():
    """The product taken as a whole, in four dimensions, against the sum over its planes."""
    whole = Mixture(MIXTURE.means, MIXTURE.spread, MIXTURE.labels)
    for t in (0.4, 0.6):
        assert constant_by_quadrature(whole, VE(), t, 12) == pytest.approx(
            constant_by_quadrature(MIXTURE, VE(), t, 12), rel=1e-9
        )


def test_nothing_goes_below_it_and_it_falls_with_noise():
    """At t near 0 the noise cannot be told from the spread: d / 2; at t = 1 only x_0's variance is left."""
    values = [constant_by_quadrature(MIXTURE, VE(), k / 10, 40) for k in range(11)]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(2, rel=0.01)
    assert values[-1] == pytest.approx(0.5 * MIXTURE.variance / 50**2, rel=0.01)


def model(recipe="unconditional", steps=0, **changes):
    training = TheoryTraining(recipe, MIXTURE, VE(), settings(**changes), 0)
    for _ in range(steps):
        training.advance()
    found = training.model.eval().requires_grad_(False)
    assert isinstance(found, ScoreModel)
    return found


class Scaled(ScoreModel):
    """The exact score times a factor."""

    factor = 1.0

    def score(self, x_t, t, z):
        return self.factor * MIXTURE.score(self.sde, x_t.double(), t[0].double())


class Told(Scaled):
    """The score of the kernel, of whoever is told x_0."""

    def code(self, x_0, t):
        return x_0

    def score(self, x_t, t, z):
        return -(x_t - z) / self.sde.std(t[0]) ** 2


@pytest.mark.parametrize("t", [0.2, 0.5, 0.8])
def test_the_exact_score_reaches_it_and_another_does_not(t):
    exact, wrong = (Scaled(settings(), VE(), 4) for _ in range(2))
    wrong.factor = 1.3
    found = losses(MIXTURE, {"exact": exact, "wrong": wrong}, t, 4000, generator())
    assert found.excess("exact").value == pytest.approx(0, abs=1e-5)
    assert found.excess("wrong").value > 3 * found.excess("wrong").error
    assert abs(found.identity_gap("wrong").value) < 4 * found.identity_gap("wrong").error


def test_who_is_told_x_0_has_no_loss():
    found = losses(MIXTURE, {"told": Told(settings(), VE(), 4)}, 0.6, 1000, generator())
    assert float(found.denoising["told"].max()) < 1e-6
    assert found.excess("told").value == pytest.approx(-float(found.floor.mean()), rel=1e-5)


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_losses_of_a_network_obey_equation_6(t):
    """Any network, trained or not; not so that of a model with a code, whose loss the identity does not hold for."""
    found = losses(MIXTURE, {"few steps": model(steps=20)}, t, 6000, generator())
    gap = found.identity_gap("few steps")
    assert abs(gap.value) < 4 * gap.error
    assert found.excess("few steps").value > -4 * found.excess("few steps").error


def test_blocks_of_draws_are_the_draws(monkeypatch):
    monkeypatch.setattr("drl.theory.measures.BLOCK", 300)
    blocks = list(draw(MIXTURE, VE(), 0.5, 700, generator()))
    assert [len(block.x_0) for block in blocks] == [300, 300, 100]
    assert not torch.equal(blocks[0].x_0[:100], blocks[2].x_0)
    found = constant(MIXTURE, VE(), 0.5, 700, generator())
    by_hand = torch.cat(
        [0.5 * (block.score * block.sde.std(block.t) + block.noise).square().sum(1) for block in blocks]
    )
    assert (found.value, found.n) == (pytest.approx(float(by_hand.mean())), 700)
    assert found.error == pytest.approx(float(by_hand.std()) / 700**0.5)


def test_a_mean_and_its_error():
    found = Mean.of(torch.tensor([1.0, 2.0, 3.0]))
    assert (found.value, found.n) == (2, 3)
    assert found.error == pytest.approx(1 / 3**0.5)


def test_all_models_are_of_the_registry():
    assert set(MODELS) == {"unconditional", "drl", "ae"}
