"""Conversion of Song's checkpoints, on one built with his names and shapes."""

import re

import pytest
import torch

from drl.errors import UserError
from drl.methods.base import ImageFacts
from drl.models.convert import convert
from drl.models.model_file import header, load_model
from drl.models.song_checkpoint import song_tensors
from tests import tiny

FACTS = ImageFacts(channels=3, image_size=16, classes=10)
SCORE = {
    "kind": "ncsnpp",
    "nf": 8,
    "channel_multipliers": [1, 2],
    "blocks": 2,
    "attention_resolutions": [8],
    "fir": True,
}
ABOUT = tiny.about("song_deep", 0, "cifar10", "paper")


def recipe(**changes):
    return tiny.recipe("unconditional", score=SCORE | changes, encoder=None, pixels="unit", centre_inputs=True)


def expected_names(channels=3, nf=8, multipliers=(1, 2), blocks=2, attention=(8,), size=16):
    """Song's NCSNpp.__init__ as a list of names and shapes: fir, residual input pyramid, biggan blocks."""
    names, number = {}, 0

    def add(**shapes):
        nonlocal number
        for name, shape in shapes.items():
            names[f"all_modules.{number}.{name.replace('__', '.')}"] = tuple(shape)
        number += 1

    def res(before, after, resample=False):
        shapes = {"GroupNorm_0__weight": [before], "GroupNorm_0__bias": [before]}
        shapes |= {"Conv_0__weight": [after, before, 3, 3], "Conv_0__bias": [after]}
        shapes |= {"Dense_0__weight": [after, 4 * nf], "Dense_0__bias": [after]}
        shapes |= {"GroupNorm_1__weight": [after], "GroupNorm_1__bias": [after]}
        shapes |= {"Conv_1__weight": [after, after, 3, 3], "Conv_1__bias": [after]}
        if before != after or resample:
            shapes |= {"Conv_2__weight": [after, before, 1, 1], "Conv_2__bias": [after]}
        add(**shapes)

    def attend(width):
        shapes = {"GroupNorm_0__weight": [width], "GroupNorm_0__bias": [width]}
        for k in range(4):
            shapes |= {f"NIN_{k}__W": [width, width], f"NIN_{k}__b": [width]}
        add(**shapes)

    add(W=[nf])
    add(weight=[4 * nf, 2 * nf], bias=[4 * nf])
    add(weight=[4 * nf, 4 * nf], bias=[4 * nf])
    add(weight=[nf, channels, 3, 3], bias=[nf])
    skips, width, pyramid = [nf], nf, channels
    for level, multiplier in enumerate(multipliers):
        for _ in range(blocks):
            res(width, nf * multiplier)
            width = nf * multiplier
            if size >> level in attention:
                attend(width)
            skips.append(width)
        if level < len(multipliers) - 1:
            res(width, width, resample=True)
            add(Conv2d_0__weight=[width, pyramid, 3, 3], Conv2d_0__bias=[width])
            pyramid = width
            skips.append(width)
    res(width, width)
    attend(width)
    res(width, width)
    for level, multiplier in reversed(list(enumerate(multipliers))):
        for _ in range(blocks + 1):
            res(width + skips.pop(), nf * multiplier)
            width = nf * multiplier
        if size >> level in attention:
            attend(width)
        if level > 0:
            res(width, width, resample=True)
    add(weight=[width], bias=[width])
    add(weight=[channels, width, 3, 3], bias=[channels])
    return names


def checkpoint(path, change=lambda model, shadow: None):
    """Write a checkpoint of random numbers with Song's names and shapes; return its two parts."""
    generator = torch.Generator().manual_seed(0)
    names = expected_names()
    model = {f"module.{name}": torch.randn(shape, generator=generator) for name, shape in names.items()}
    model["module.sigmas"] = torch.linspace(50, 0.01, 1000)
    shadow = [torch.randn(shape, generator=generator) for name, shape in names.items() if name != "all_modules.0.W"]
    change(model, shadow)
    ema = {"decay": 0.999, "num_updates": 7, "shadow_params": shadow}
    torch.save({"optimizer": {"state": {}}, "model": model, "ema": ema, "step": 1_200_000}, path)
    return model, shadow


def test_names_shapes_and_order_are_songs():
    method = tiny.build(recipe(), FACTS)
    found = {name: tuple(tensor.shape) for name, tensor in song_tensors(method.score_network).items()}
    assert list(found.items()) == list(expected_names().items())


def test_raw_and_averaged_weights_arrive(tmp_path):
    model, shadow = checkpoint(tmp_path / "c.pth")
    convert(tmp_path / "c.pth", tmp_path / "model.safetensors", recipe(), FACTS, ABOUT)
    assert header(tmp_path / "model.safetensors").about == ABOUT
    raw, averaged = (load_model(tmp_path / "model.safetensors", weights=weights) for weights in ("raw", "ema"))
    for name, tensor in song_tensors(raw.score_network).items():
        assert torch.equal(tensor, model[f"module.{name}"]), name
    learnt = [value for name, value in song_tensors(averaged.score_network).items() if name != "all_modules.0.W"]
    assert len(learnt) == len(shadow)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(learnt, shadow, strict=True))
    assert torch.equal(averaged.score_network.embedding.features.frequencies, model["module.all_modules.0.W"])
    x = torch.rand(2, 3, 16, 16)
    assert averaged.score(x, torch.tensor([0.2, 0.9]), None).isfinite().all()


def _lacks(model, shadow):
    del model["module.all_modules.3.bias"]


def _surplus(model, shadow):
    model["module.all_modules.99.weight"] = torch.zeros(1)


def _shape(model, shadow):
    model["module.all_modules.3.bias"] = torch.zeros(9)


def _short(model, shadow):
    shadow.pop()


def _swapped(model, shadow):
    shadow[0], shadow[1] = shadow[1], shadow[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_lacks, "lacks all_modules.3.bias"),
        (_surplus, "holds all_modules.99.weight"),
        (_shape, "all_modules.3.bias has shape (9,), but (8,) in the recipe's network"),
        (_short, "tensors, but the network learns"),
        (_swapped, "but (32, 16) in the recipe's network"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path, change, message):
    checkpoint(tmp_path / "c.pth", change)
    with pytest.raises(UserError, match=re.escape(message)):
        convert(tmp_path / "c.pth", tmp_path / "model.safetensors", recipe(), FACTS, ABOUT)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    torch.save({"model": Evil()}, tmp_path / "c.pth")
    with pytest.raises(UserError, match="cannot be read as plain tensors"):
        convert(tmp_path / "c.pth", tmp_path / "model.safetensors", recipe(), FACTS, ABOUT)
    with pytest.raises(UserError, match="there is no such file"):
        convert(tmp_path / "none.pth", tmp_path / "model.safetensors", recipe(), FACTS, ABOUT)


def test_a_recipe_with_an_encoder_is_refused(tmp_path):
    with pytest.raises(UserError, match="method unconditional"):
        convert(tmp_path / "c.pth", tmp_path / "m.safetensors", tiny.recipe("drl"), FACTS, ABOUT)
