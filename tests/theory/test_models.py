"""The three models: what they are told, what they minimise, and that training teaches them."""

import pytest
import torch

from drl.config.theory import TheoryNetwork
from drl.diffusion.losses import denoising_score_matching
from drl.diffusion.preconditioning import loss_weight
from drl.diffusion.sde import VE, perturb
from drl.diffusion.times import sample_times
from drl.theory.measures import losses
from drl.theory.mixture import make_mixture
from drl.theory.models import Autoencoder, ConditionalScoreModel, ScoreModel
from drl.theory.networks import Mlp, Timed
from drl.theory.probes import Probes
from drl.theory.training import MODELS, TheoryTraining, trained
from tests.theory.common import settings

MIXTURE, SDE = make_mixture(settings().mixture), VE()
X_0, _ = MIXTURE.sample(16, torch.Generator().manual_seed(0))
X_0 = X_0.float()


def fresh(recipe, seed=0, **changes):
    return TheoryTraining(recipe, MIXTURE, SDE, settings(**changes), seed).model


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_timed_network_depends_on_all_that_it_is_told():
    torch.manual_seed(0)
    network = Timed(6, 3, TheoryNetwork(hidden=8, depth=3, frequencies=4, fourier_scale=0.5))
    x, z, noise = torch.randn(5, 4), torch.randn(5, 2), torch.randn(5)
    out = network(x, noise, z)
    assert out.shape == (5, 3)
    for other in (network(x + 0.1, noise, z), network(x, noise + 0.1, z), network(x, noise, z + 0.1)):
        assert float((other - out).detach().abs().min(1).values.min()) > 0
    assert len(list(network.parameters())) == 2 * (3 + 1 + 1)
    assert Mlp([2, 8, 8, 1])(torch.zeros(3, 2)).shape == (3, 1)


@pytest.mark.parametrize("objective", ["edm", "paper"])
def test_the_objective_of_a_score_model_is_the_weighted_loss(objective):
    model = fresh("unconditional", objective=objective)
    found = model.objective(X_0, generator(1))
    again = generator(1)
    t = sample_times(settings().times, SDE, len(X_0), again)
    noise = torch.randn(X_0.shape, generator=again)
    by_hand = denoising_score_matching(model.score(perturb(SDE, X_0, t, noise), t, None), noise, SDE.std(t))
    weighted = (loss_weight(objective, SDE, t, 1.0) * by_hand).mean()
    torch.testing.assert_close(found, weighted)


def test_the_penalty_is_on_the_codes():
    plain, heavy = fresh("drl", l1_weight=0.0), fresh("drl", l1_weight=2.0)
    t = sample_times(settings().times, SDE, len(X_0), generator(1))
    more = 2 * plain.encode(X_0, t).abs().sum(1).mean()
    torch.testing.assert_close(heavy.objective(X_0, generator(1)), plain.objective(X_0, generator(1)) + more)
    decoded = fresh("ae", l1_weight=0.0)
    code = decoded.encode(X_0, torch.ones(len(X_0)))
    by_hand = 0.5 * ((decoded.decoder(code) - X_0) ** 2).sum(1).mean()
    torch.testing.assert_close(decoded.objective(X_0, generator()), by_hand)


def test_encoders_of_drl_and_the_autoencoder_are_alike():
    drl, autoencoder = fresh("drl"), fresh("ae")
    assert (type(drl), type(autoencoder)) == (ConditionalScoreModel, Autoencoder)
    shapes = [[tuple(p.shape) for p in model.encoder.parameters()] for model in (drl, autoencoder)]
    assert shapes[0] == shapes[1]
    t = torch.full((len(X_0),), 0.3)
    assert drl.encode(X_0, t).shape == (16, 2)
    assert not torch.allclose(drl.encode(X_0, t), drl.encode(X_0, t + 0.3))


@pytest.mark.parametrize("recipe", sorted(MODELS))
def test_equal_seeds_give_equal_models_and_nothing_global_is_touched(recipe):
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one, two, other = (trained(recipe, MIXTURE, SDE, settings(steps=3), seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def models():
    return {recipe: trained(recipe, MIXTURE, SDE, settings(steps=250), 0) for recipe in MODELS}


def test_without_a_code_the_constant_is_the_floor_and_with_one_it_is_not(models):
    score_models = {name: model for name, model in models.items() if isinstance(model, ScoreModel)}
    assert set(score_models) == {"unconditional", "drl"}
    for t in (0.6, 0.8, 1.0):
        found = losses(MIXTURE, score_models, t, 3000, generator())
        excess, below = found.excess("unconditional"), found.excess("drl")
        assert excess.value > -4 * excess.error
        assert excess.value < 0.1 * float(found.floor.mean())
        assert below.value < -0.5 * float(found.floor.mean())


def test_codes_at_t_1_and_an_autoencoder_s_say_nearly_the_same(models):
    probes = Probes(MIXTURE, (600, 200, 400), 5, generator())
    found = {
        name: probes.read(lambda x_0, model=models[name]: model.encode(x_0, torch.ones(len(x_0))))
        for name in ("drl", "ae")
    }
    assert found["drl"].reconstruction_error == pytest.approx(found["ae"].reconstruction_error, abs=0.15)
    untrained = probes.read(lambda x_0: fresh("drl").encode(x_0, torch.ones(len(x_0))))
    assert untrained.reconstruction_error > found["drl"].reconstruction_error + 0.05
