"""The unconditional objective, put together slowly from the formula (paper Eq. 5, Song et al. 2021)."""

import pytest
import torch
from safetensors.torch import load_file

from drl.data.batch import Batch
from drl.diffusion.sde import VE
from drl.errors import UserError
from drl.models.model_file import load_model, save_model
from drl.training.code_usage import code_usage
from tests import tiny

B = 5


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (B, 1, tiny.SIZE, tiny.SIZE), generator=torch.Generator().manual_seed(3))
    return Batch(images.to(torch.uint8), torch.zeros(B, dtype=torch.int64))


def draws(seed):
    """Take from a generator what the objective takes, in its order."""
    generator = torch.Generator().manual_seed(seed)
    t = 1e-5 + torch.rand(B, generator=generator) * (1 - 1e-5)
    return t, torch.randn(B, 1, tiny.SIZE, tiny.SIZE, generator=generator)


def log_kernel(x_t, x_0, sigma):
    """Log density of p(x_t | x_0) up to a constant."""
    return -((x_t - x_0) ** 2).sum() / (2 * sigma**2)


@pytest.mark.parametrize("centred", [False, True])
def test_the_loss_is_equation_5_image_by_image(batch, centred):
    """sigma(t)^2 || s(x_t, t) - grad log p(x_t | x_0) ||^2 / 2, the gradient by autograd of the kernel."""
    changes = {"pixels": "unit", "centre_inputs": True} if centred else {}
    method = tiny.method("unconditional", **changes).eval()
    loss, parts = method.loss(batch, torch.Generator().manual_seed(7))
    t, noise = draws(7)
    pixels = batch.images.double() / 255
    x_0 = pixels if centred else (pixels - 0.5) / 0.25
    expected = 0.0
    for i in range(B):
        sigma = float(VE().std(t[i].double()))
        x_t = (x_0[i] + sigma * noise[i].double()).requires_grad_(True)
        (target,) = torch.autograd.grad(log_kernel(x_t, x_0[i], sigma), x_t)
        with torch.no_grad():
            seen = (2 * x_t - 1 if centred else x_t).float()[None]
            score = method.score_network(seen, torch.tensor([sigma]), None)[0].double() / sigma
        expected += 0.5 * sigma**2 * float(((score - target) ** 2).sum()) / B
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    assert {name: float(value) for name, value in parts.items()} == {"denoising": pytest.approx(expected, rel=1e-4)}


def test_the_target_is_the_slope_of_the_kernel(monkeypatch):
    """A finite reference: the score that makes the loss zero is the kernel's log density's slope."""
    method = tiny.method("unconditional").eval()
    sigma, step = 3.0, 1e-4
    generator = torch.Generator().manual_seed(0)
    x_0, noise = (torch.randn(1, 1, tiny.SIZE, tiny.SIZE, generator=generator) for _ in range(2))
    x_t = (x_0 + sigma * noise).double()
    slopes = torch.zeros_like(x_t)
    for at in torch.cartesian_prod(torch.arange(tiny.SIZE), torch.arange(tiny.SIZE)):
        nudge = torch.zeros_like(x_t)
        nudge[0, 0, at[0], at[1]] = step
        slopes[0, 0, at[0], at[1]] = log_kernel(x_t + nudge, x_0, sigma) - log_kernel(x_t - nudge, x_0, sigma)
    slopes /= 2 * step
    t = VE().time_of_sigma(torch.tensor([sigma]))
    # Under VE the score is the network's output over sigma.
    monkeypatch.setattr(method, "network", lambda x, label, z: (slopes * sigma).float())
    assert float(method.denoising_loss(x_0, t, None, noise)) == pytest.approx(0, abs=1e-6)
    monkeypatch.setattr(method, "network", lambda x, label, z: (slopes * sigma).float() + 1)
    assert float(method.denoising_loss(x_0, t, None, noise)) == pytest.approx(tiny.SIZE**2 / 2, rel=1e-4)


@pytest.mark.parametrize("objective", [{"reduction": "mean"}, {"reduction": "sum"}])
def test_the_reduction_is_the_recipe_s(batch, objective):
    losses = [
        float(tiny.method("unconditional", **changes).eval().loss(batch, torch.Generator().manual_seed(0))[0].detach())
        for changes in ({}, {"objective": objective})
    ]
    factor = 2 if objective["reduction"] == "sum" else 2 / tiny.SIZE**2
    assert losses[1] == pytest.approx(factor * losses[0], rel=1e-5)


@pytest.mark.parametrize(
    ("times", "low", "high"), [({"kind": "single", "t": 0.5}, 0.5, 0.5), ({"kind": "sigma_uniform"}, 0.8, 1.0)]
)
def test_times_are_drawn_as_the_recipe_says(batch, monkeypatch, times, low, high):
    method = tiny.method("unconditional", times=times).eval()
    seen = []
    monkeypatch.setattr(method, "_objective", lambda x, t, noise: seen.append(t) or torch.zeros(()))
    for k in range(20):
        method.loss(batch, torch.Generator().manual_seed(k))
    # Uniform sigma puts almost all t near 1; uniform t would have a mean of a half.
    assert low <= float(torch.cat(seen).mean()) <= high


def test_labels_are_never_read(batch):
    method = tiny.method("unconditional").eval()
    other = Batch(batch.images, batch.labels + 2)
    first, second = (float(method.loss(b, torch.Generator().manual_seed(0))[0].detach()) for b in (batch, other))
    assert first == second


def test_codes_are_refused_in_one_line(batch):
    method = tiny.method("unconditional").eval()
    for ask in (lambda: method.encode(batch.images, torch.zeros(B)), method.code_network):
        with pytest.raises(UserError, match="unconditional model has no codes") as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_there_is_no_code_whose_use_could_be_measured():
    assert code_usage(tiny.method("unconditional"), None, 4, [0.5], 0) == []


def test_the_model_file_holds_the_score_network_alone(tmp_path):
    method = tiny.method("unconditional")
    averages = {name: value.detach() + 1 for name, value in method.named_parameters()}
    save_model(tmp_path / "model.safetensors", method, averages, tiny.about())
    tensors = load_file(tmp_path / "model.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"score", "score_ema"}
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.encoder is None
    for name, value in method.named_parameters():
        assert torch.equal(loaded.get_parameter(name), value + 1), name
