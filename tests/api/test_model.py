"""`drl.load` and what its models return, compared with the commands."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import drl
from drl.config.sampling import SamplerSettings
from drl.diffusion.sde import perturb
from drl.errors import UserError
from drl.evaluation.encode import encode
from drl.evaluation.sample import SampleOptions, sample
from drl.models.export import export
from drl.models.model_file import load_model
from tests import tiny
from tests.evaluation.jobs import ALONE

TIMES = [0.2, 0.7]


@pytest.fixture
def load(model_file):
    """Loads a model of a kind on the CPU."""
    return lambda kind="drl", **changes: drl.load(model_file(kind, **changes), device="cpu")


@pytest.fixture
def folder(pixels, tmp_path):
    """The same images as files, whose names are in their order, and of larger size one more."""
    path = tmp_path / "images"
    path.mkdir()
    for k, image in enumerate(pixels[..., 0]):
        Image.fromarray(image).save(path / f"{k}.png")
    return path


def test_importing_drl_imports_no_torch():
    code = "import drl, sys; print('torch' in sys.modules, 'numpy' in sys.modules, 'pydantic' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"] * 3


def test_public_names_are_listed_and_unknown_ones_are_not():
    assert set(drl.__all__) <= set(dir(drl))
    assert all(getattr(drl, name) is not None for name in drl.__all__)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = drl.lod


@pytest.mark.parametrize(
    "kind", ["drl", "vdrl", "cdae", "ae", "vae", "dae", "simclr", "simclr_gauss", "supervised", "score_features"]
)
def test_codes_are_those_of_drl_encode_bit_for_bit(kind, load, model_file, folder, pixels, tmp_path):
    encode(model_file(kind), folder, TIMES, tmp_path / "codes.npy", ALONE)
    expected = np.load(tmp_path / "codes.npy").transpose(1, 0, 2)
    model = load(kind)
    found = model.encode(pixels, TIMES)
    assert (found.dtype, found.shape) == (np.float32, (2, len(pixels), model.code_size))
    assert np.array_equal(found, expected)
    assert np.array_equal(model.encode(folder, TIMES), expected)
    assert np.array_equal(model.encode(pixels, TIMES[1])[None], model.encode(pixels, TIMES[1:]))
    assert np.abs(found - found.mean(1, keepdims=True)).max() > 1e-4, "images must matter, or this shows nothing"


@pytest.mark.parametrize("form", ["float32", "float64", "torch", "first"])
def test_float_images_have_the_codes_of_their_bytes(form, load, pixels):
    images = {
        "float32": pixels.astype(np.float32) / 255,
        "float64": pixels / 255,
        "torch": torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255,
        "first": pixels.transpose(0, 3, 1, 2),
    }[form]
    assert np.array_equal(load().encode(images), load().encode(pixels))


def test_prepared_images_are_those_that_are_encoded(load, pixels):
    model = load()
    assert np.array_equal(model.prepared(pixels), pixels)
    larger = pixels.repeat(3, axis=1).repeat(4, axis=2)
    prepared = model.prepared(larger)
    assert (prepared.shape, prepared.dtype) == (pixels.shape, np.uint8)
    assert np.array_equal(model.encode(prepared), model.encode(larger))
    with pytest.raises(drl.UserError, match="resize"):
        model.prepared(larger, resize=False)


def test_batches_change_only_rounding(load, pixels):
    for kind in ("drl", "score_features"):
        whole, parts = (load(kind).encode(pixels, TIMES, batch_size=size) for size in (None, 3))
        assert np.allclose(whole, parts, atol=1e-5)


def test_times_are_checked(load, pixels):
    model = load()
    for t in (-0.1, 1.1, float("nan"), [], [0.5, 2], "0.5x", None, [[0.5]]):
        with pytest.raises(UserError, match=r"t is .*; give a number in \[0, 1\]"):
            model.encode(pixels, t)
    assert np.array_equal(model.encode(pixels, np.float32(0.5)), model.encode(pixels, 0.5))
    assert model.encode(pixels, np.linspace(0, 1, 3)).shape == (3, 4, model.code_size)
    with pytest.raises(UserError, match="batch_size is 0"):
        model.encode(pixels, batch_size=0)


def test_samples_are_those_of_drl_sample(load, model_file, folder, pixels, tmp_path):
    settings = SamplerSettings(steps=4)
    options = SampleOptions(0.5, 0.7, "gaussian", 3, 5, settings)
    sample(model_file("vdrl"), folder, tmp_path / "grid.png", options, ALONE)
    picture = np.asarray(Image.open(tmp_path / "grid.png"))
    drawn = load("vdrl").sample(3, images=pixels, t_init=0.7, seed=5, sampler={"steps": 4})
    assert (drawn.dtype, drawn.shape) == (np.uint8, (4, 3, tiny.SIZE, tiny.SIZE, 1))
    rows = [np.concatenate([pixels[k], *drawn[k]], axis=1)[..., 0] for k in range(len(pixels))]
    assert np.array_equal(picture, np.concatenate(rows))


def test_samples_depend_on_seed_and_code_and_not_on_their_number(load, pixels):
    model, few = load(), {"sampler": {"steps": 4}}
    codes = model.encode(pixels)
    one, two = (model.sample(n, codes=codes, seed=1, **few) for n in (1, 2))
    assert np.array_equal(one[:, 0], two[:, 0])
    assert np.array_equal(one[2:3], model.sample(1, codes=codes[2:3], seed=1, **few))
    assert not np.array_equal(one, model.sample(1, codes=codes, seed=2, **few))
    assert not np.array_equal(one[0], one[1])


def test_unconditional_models_need_no_codes(load, pixels):
    model = load("unconditional")
    drawn = model.sample(3, sampler={"steps": 4})
    assert (drawn.dtype, drawn.shape) == (np.uint8, (3, tiny.SIZE, tiny.SIZE, 1))
    assert not np.array_equal(drawn[0], drawn[1])
    assert model.code_size is None
    with pytest.raises(UserError, match="is unconditional, so images have no codes"):
        model.encode(pixels)
    with pytest.raises(UserError, match="leave out images and codes"):
        model.sample(1, images=pixels, sampler={"steps": 4})


@pytest.mark.parametrize("kind", ["drl", "unconditional"])
@pytest.mark.parametrize("sde", ["ve", "vp"])
def test_denoising_is_tweedies_formula(kind, sde, load, model_file, pixels, monkeypatch):
    changes = {"sde": {"kind": sde}, "score": tiny.SCORE | {"scale_by_sigma": sde == "ve"}}
    seen = {}

    def noise(self):
        seen["noise"] = torch.randn(len(pixels), 1, 8, 8, generator=torch.Generator().manual_seed(0))
        return seen["noise"]

    monkeypatch.setattr("drl.api.denoising.ImageNoise.start", noise)
    found = load(kind, **changes).denoise(pixels, [0.3, 0.6])
    assert (found.dtype, found.shape) == (np.uint8, (2, 4, 8, 8, 1))
    method = load_model(model_file(kind, **changes))
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    for row, value in zip(found, (0.3, 0.6), strict=True):
        t = torch.full((4,), value)
        with torch.no_grad():
            z = method.encode(images, t) if kind == "drl" else None
            x_t = perturb(method.sde, method.scale(images), t, seen["noise"])
            mean, std = method.sde.mean_factor(t)[0], method.sde.std(t)[0]
            x_0 = (x_t + std**2 * method.score(x_t, t, z)) / mean
            unit = (x_0 * method.pixel_std + method.pixel_mean).clamp(0, 1)
        difference = np.abs(row.transpose(0, 3, 1, 2) - 255.0 * unit.numpy()).max()
        assert difference <= 0.51, difference


def test_little_noise_is_removed_and_other_codes_change_the_image(load, pixels):
    model = load()
    near = model.denoise(pixels, 0.05)
    assert near.shape == pixels.shape
    assert np.abs(near.astype(float) - pixels).mean() < 12
    own, others = (model.denoise(pixels, 0.6, codes=codes) for codes in (None, model.encode(pixels, 0.6)[::-1]))
    assert not np.array_equal(own, others)
    assert np.array_equal(own, model.denoise(pixels, 0.6, codes=model.encode(pixels, 0.6)))
    assert np.array_equal(own[1:2], model.denoise(pixels[1:2], 0.6)), "noise does not depend on the place in the batch"
    for t in (0, [0.5, 0.0]):
        with pytest.raises(UserError, match="above 0 and at most 1"):
            model.denoise(pixels, t)
    with pytest.raises(UserError, match="3 codes for 4 images"):
        model.denoise(pixels, 0.5, codes=model.encode(pixels)[:3])
    with pytest.raises(UserError, match="codes have 64 entries"):
        model.denoise(pixels, 0.5, codes=np.zeros((4, 5)))


def test_models_without_a_score_network_say_so(load, pixels):
    for kind in ("ae", "simclr", "supervised"):
        for call in (lambda m: m.sample(1, images=pixels), lambda m: m.denoise(pixels, 0.5)):
            with pytest.raises(UserError, match=f"method {kind} has no score network to sample from"):
                call(load(kind))


def test_bad_calls_of_sample_are_one_line(load, pixels):
    model = load()
    for said, changes in {
        "give either images or codes": {},
        "give either images or codes ": {"images": pixels, "codes": model.encode(pixels)},
        "n is 0": {"n": 0, "images": pixels},
        "t_init is 0": {"images": pixels, "t_init": 0},
        "prior is 'mean_image'": {"images": pixels, "prior": "mean_image"},
        "unknown key 'step'; did you mean 'steps'": {"images": pixels, "sampler": {"step": 3}},
        "finite numbers": {"codes": np.full((1, 64), np.nan)},
    }.items():
        with pytest.raises(UserError, match=said.strip()):
            model.sample(**({"sampler": {"steps": 4}} | changes))
    with pytest.raises(UserError, match="is not known how its samples are drawn"):
        model.sample(1, images=pixels)


def test_an_exported_encoder_only_encodes(load, model_file, pixels, tmp_path):
    export(model_file(), tmp_path / "shared", kept="encoder")
    exported = drl.load(tmp_path / "shared", device="cpu")
    assert np.array_equal(exported.encode(pixels), load().encode(pixels))
    with pytest.raises(UserError, match="holds only an encoder, so it can only encode"):
        exported.sample(1, images=pixels)
    export(model_file(), tmp_path / "whole", kept="all")
    assert np.array_equal(drl.load(tmp_path / "whole", device="cpu").encode(pixels), exported.encode(pixels))


def test_what_cannot_be_loaded_is_one_line(model_file, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, said in (
        (tmp_path / "none.safetensors", "there is no such model"),
        (empty, "the folder has no model.safetensors"),
        (tiny.damaged(model_file(), tmp_path), "is not as it was made"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            drl.load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="device is 'gpu'; give one of auto, cpu, cuda"):
        drl.load(model_file(), device="gpu")
    with pytest.raises(UserError, match="precision is 'fp64'"):
        drl.load(model_file(), precision="fp64")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_named(model_file):
    with pytest.raises(UserError, match="there is no CUDA device"):
        drl.load(model_file(), device="cuda")


def test_a_model_can_be_pickled_and_says_what_it_is(load, pixels):
    model = load()
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.encode(pixels), model.encode(pixels))
    assert len(pickle.dumps(model)) < 2000, "the weights are read again, and not pickled"
    assert repr(model) == ("<drl.Model drl, images 8 x 8 x 1, codes of 64 entries, trained on 'stripes', cpu>")
    assert (model.image_size, model.channels, model.recipe.method.kind) == (8, 1, "drl")
