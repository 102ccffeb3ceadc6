"""Score features: the middle block of an unconditional score network, read slowly with a hook (Xiang et al. 2023)."""

import pytest
import torch
from safetensors.torch import load_file

from drl.data.store import ImageStore
from drl.diffusion.sde import VE, VP
from drl.evaluation.codes import extract_codes
from drl.jobs.device import place
from drl.models.model_file import load_model, load_snapshots, save_model
from drl.records.metrics import read_metrics
from drl.training.code_usage import code_usage
from drl.training.pretrain import run
from drl.training.seeds import generator
from tests import tiny

B, CPU = 5, place("cpu", "fp32", "off", 1)
T = torch.tensor([0.0, 0.2, 0.5, 0.8, 1.0])
UNET = tiny.SCORE | {"channel_multipliers": [1, 3], "attention_resolutions": [8]}
VP_SETTINGS = {
    "sde": {"kind": "vp", "beta_min": 0.1, "beta_max": 20.0},
    "score": UNET | {"embedding": "positional", "scale_by_sigma": False},
}
CASES = {
    "paper": {"score": UNET},
    "edm": {"score": UNET, "objective": {"preconditioning": "edm", "weighting": "edm", "sigma_data": 0.5}},
    "centred": {"score": UNET, "pixels": "unit", "centre_inputs": True},
    "vp": VP_SETTINGS,
}


@pytest.fixture
def images():
    shape = (B, 1, tiny.SIZE, tiny.SIZE)
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(3)).to(torch.uint8)


def by_hand(method, images, t, noise):
    """Compute each image's score alone, catch what leaves the middle block, and average it position by position."""
    caught, rows = [], []
    hook = method.score_network.middle.register_forward_hook(lambda module, given, output: caught.append(output))
    sde = method.sde
    for k in range(len(images)):
        x_0 = images[k].double() / 255
        if method.recipe.pixels == "standardised":
            x_0 = (x_0 - 0.5) / 0.25
        factor = 1.0 if isinstance(sde, VE) else float(torch.exp(-(t[k] ** 2) * 19.9 / 4 - t[k] * 0.1 / 2))
        std = 0.01 * 5000 ** float(t[k]) if isinstance(sde, VE) else (1 - factor**2) ** 0.5
        x_t = (factor * x_0 + std * noise[k].double()).float()
        method.score(x_t[None], t[k : k + 1], None)
        (h,) = caught.pop()
        positions = [h[:, row, column] for row in range(h.shape[1]) for column in range(h.shape[2])]
        rows.append(sum(positions) / len(positions))
    hook.remove()
    return torch.stack(rows)


@pytest.mark.parametrize("name", CASES)
def test_the_code_is_the_mean_of_what_leaves_the_middle_block(images, name):
    method = tiny.method("score_features", **CASES[name]).eval()
    assert isinstance(method.sde, VP if name == "vp" else VE)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(8))
    with torch.no_grad():
        codes = method.encode(images, T, torch.Generator().manual_seed(8))
        wanted = by_hand(method, images, T, noise)
    assert codes.shape == (B, 12) == (B, method.code_size)  # nf 4 times the last multiplier
    assert torch.allclose(codes, wanted, rtol=1e-4, atol=1e-4)
    assert (wanted - wanted[0]).abs().max() > 0.01, "images must differ, or this shows nothing"


def test_without_a_generator_the_code_is_of_the_mean_of_x_t(images):
    for changes in ({}, VP_SETTINGS):
        method = tiny.method("score_features", **changes).eval()
        with torch.no_grad():
            wanted = by_hand(method, images, T, torch.zeros(images.shape))
            assert torch.allclose(method.encode(images, T), wanted, rtol=1e-4, atol=1e-4)


def test_the_seed_and_t_decide_the_noise_and_batches_do_not(stripes, monkeypatch):
    method, store = tiny.method("score_features"), ImageStore.open(stripes)
    times = [0.3, 0.6]

    def codes(seed):
        return extract_codes(method, store, store.test, times, CPU, noise_seed=seed)

    first = codes(3)
    assert torch.equal(codes(3), first)
    assert not torch.allclose(codes(4), first, atol=1e-3)
    batch = store.batch(store.test).images
    for row, t in zip(first, times, strict=True):
        drawn = torch.randn(batch.shape, generator=generator(3, f"codes at t = {t}"))
        with torch.no_grad():
            wanted = by_hand(method.eval(), batch, torch.full((len(batch),), t), drawn)
        assert torch.allclose(row, wanted, rtol=1e-4, atol=1e-4)
    monkeypatch.setattr("drl.evaluation.codes.CHUNKS", {"cpu": 2})
    assert torch.allclose(codes(3), first, atol=1e-5)


def test_at_t_0_the_noise_is_sigma_min(images, monkeypatch):
    """Codes of two draws then differ in proportion to sigma_min, and by far less than at a later t."""
    t, spread = torch.zeros(B), {}
    for sigma_min in (0.01, 0.001):
        method = tiny.method("score_features", sde={"kind": "ve", "sigma_min": sigma_min, "sigma_max": 50.0}).eval()
        with torch.no_grad(), monkeypatch.context() as patched:
            # The noise label is an input too; only the noise itself is to change.
            patched.setattr(VE, "noise_label", lambda sde, t: torch.full_like(t, 0.01))
            one, two = (method.encode(images, t, torch.Generator().manual_seed(seed)) for seed in (0, 1))
        spread[sigma_min] = float((one - two).norm())
    assert spread[0.001] == pytest.approx(spread[0.01] / 10, rel=0.1)
    with torch.no_grad():
        one, two = (method.encode(images, t + 0.6, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert spread[0.01] < 0.05 * float((one - two).norm())


@pytest.fixture(scope="module")
def trained(stripes, tmp_path_factory):
    """Train a kind; return its folder."""

    def train(kind, **changes):
        folder = tmp_path_factory.mktemp(kind)
        run(tiny.training(stripes, folder / "model.safetensors", kind, **changes))
        return folder

    return train


def test_training_is_that_of_unconditional_bit_for_bit(trained):
    score = tiny.SCORE | {"dropout": 0.2}
    ours, theirs = (trained(kind, score=score) for kind in ("score_features", "unconditional"))
    weights = [load_file(folder / "model.safetensors") for folder in (ours, theirs)]
    assert weights[0].keys() == weights[1].keys()
    assert {name.split(".")[0] for name in weights[0]} == {"score", "score_ema"}
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    losses = [
        [(row["step"], row["metric"], row["value"]) for row in read_metrics(folder / "loss.csv")]
        for folder in (ours, theirs)
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) > 0


@pytest.mark.parametrize("codes_from", ["raw", "ema"])
def test_snapshots_are_the_score_network_of_the_recipe_s_weights(trained, images, codes_from):
    folder = trained("score_features", codes_from=codes_from)
    taken = load_snapshots(folder / "snapshots.safetensors")
    codes = {step: method.encode(images, T, torch.Generator().manual_seed(0)) for step, method in taken}
    assert list(codes) == [0, 6, 12]
    for weights in ("raw", "ema"):
        model = load_model(folder / "model.safetensors", weights=weights)
        same = torch.equal(codes[12], model.encode(images, T, torch.Generator().manual_seed(0)))
        assert same == (weights == codes_from)
    assert not torch.equal(codes[0], codes[12])


@pytest.mark.parametrize("codes_from", ["raw", "ema"])
def test_a_loaded_model_has_the_weights_that_its_recipe_names(tmp_path, codes_from):
    method = tiny.method("score_features", codes_from=codes_from)
    averages = {name: value.detach() + 1 for name, value in method.named_parameters()}
    save_model(tmp_path / "model.safetensors", method, averages, tiny.about())
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.encoder is None
    for name, value in method.named_parameters():
        assert torch.equal(loaded.get_parameter(name), value + (codes_from == "ema")), name


def test_features_of_a_network_that_was_trained_without_them_can_be_read(trained, images):
    before = trained("unconditional") / "model.safetensors"
    after = trained("score_features", start=before, iterations=0, start_from="first") / "model.safetensors"
    networks = [load_model(path, weights="raw").score_network.state_dict() for path in (before, after)]
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())
    assert load_model(after).encode(images, T).shape == (B, 4)


def test_no_code_is_used_by_the_denoiser():
    assert code_usage(tiny.method("score_features"), None, 4, [0.5], 0) == []
