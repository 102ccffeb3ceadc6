"""`drl convert` from end to end: the scores are the checkpoint's, and a file that is none is one line."""

import io
import os
import re
import zipfile

import pytest
import torch

from drl.errors import UserError
from drl.files import sha256
from drl.models.convert import convert
from drl.models.model_file import load_model
from drl.models.song_checkpoint import song_tensors
from tests import tiny
from tests.cards import read_card

ABOUT = tiny.about("song")
RECIPE = tiny.recipe("unconditional")
FREQUENCIES = "all_modules.0.W"


def contents(raw, averaged):
    """What score_sde_pytorch saves of a network and of its moving average."""
    with torch.no_grad():
        model = {f"module.{name}": value.clone() for name, value in song_tensors(raw.score_network).items()}
        shadow = [v.clone() for name, v in song_tensors(averaged.score_network).items() if name != FREQUENCIES]
    ema = {"decay": 0.999, "num_updates": 7, "shadow_params": shadow}
    return {"optimizer": {"state": {}}, "model": model, "ema": ema, "step": 1_200_000}


@pytest.fixture(scope="module")
def trained():
    """A network and its moving average, which share the frozen frequencies."""
    raw, averaged = (tiny.method("unconditional", seed).eval() for seed in (0, 1))
    with torch.no_grad():
        frequencies = [song_tensors(method.score_network)[FREQUENCIES] for method in (raw, averaged)]
        frequencies[1].copy_(frequencies[0])
    return raw, averaged


def run(path, content):
    torch.save(content, path)
    convert(path, path.parent / "model.safetensors", RECIPE, tiny.FACTS, ABOUT)
    return path.parent / "model.safetensors"


def test_scores_are_those_of_the_checkpoint(trained, tmp_path):
    out = run(tmp_path / "checkpoint.pth", contents(*trained))
    generator = torch.Generator().manual_seed(0)
    x, t = torch.randn(4, 1, tiny.SIZE, tiny.SIZE, generator=generator), torch.tensor([0.1, 0.4, 0.7, 1.0])
    with torch.no_grad():
        expected = [method.score(x, t, None) for method in trained]
        assert not torch.allclose(*expected, rtol=1e-2), "raw and averaged must differ, or this shows nothing"
        for weights, score in zip(("raw", "ema", None), (*expected, expected[1]), strict=True):
            assert torch.equal(load_model(out, weights=weights).score(x, t, None), score), weights


def test_the_card_names_checkpoint_and_step(trained, tmp_path):
    out = run(tmp_path / "checkpoint.pth", contents(*trained))
    card = read_card(tmp_path / "model.safetensors.json")
    assert (card["command"], card["settings"], card["step"]) == ("convert", {"recipe": RECIPE.slice()}, 1_200_000)
    assert card["inputs"] == {"checkpoint.pth": sha256(tmp_path / "checkpoint.pth")}
    assert card["outputs"] == {out.name: sha256(out)}
    assert vars(ABOUT).items() <= card.items()


def test_equal_checkpoints_give_equal_files(trained, tmp_path):
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found.append(run(tmp_path / name / "checkpoint.pth", contents(*trained)).read_bytes())
    assert found[0] == found[1]


def test_the_checkpoint_is_not_replaced_by_the_model(trained, tmp_path):
    path = tmp_path / "checkpoint.pth"
    torch.save(contents(*trained), path)
    before = path.read_bytes()
    with pytest.raises(UserError, match="this command reads this file, so it does not write it"):
        convert(path, path, RECIPE, tiny.FACTS, ABOUT)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", [("model",), ("ema",), ("ema", "shadow_params")])
def test_a_checkpoint_without_one_of_its_parts_is_named(trained, tmp_path, cut):
    content = contents(*trained)
    *inner, last = cut
    part = content[inner[0]] if inner else content
    del part[last]
    message = f"{tmp_path / 'checkpoint.pth'}: has no `model` or no `ema.shadow_params`; give a checkpoint of score"
    with pytest.raises(UserError, match=re.escape(message)):
        run(tmp_path / "checkpoint.pth", content)


@pytest.mark.parametrize("content", [[1, 2], torch.ones(2), None, "text"], ids=["list", "tensor", "none", "text"])
def test_what_is_no_mapping_is_no_checkpoint(tmp_path, content):
    with pytest.raises(UserError, match=re.escape(str(tmp_path / "checkpoint.pth"))):
        run(tmp_path / "checkpoint.pth", content)


def _bytes(zipped):
    buffer = io.BytesIO()
    torch.save({"model": {"a": torch.ones(30)}}, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


# Beginnings and ends of whole files, in torch's two formats, as broken downloads leave them.
DAMAGED = [b"", b"<html>not found</html>", b"hello world", *(_bytes(True)[:k] for k in (4, 40, -30))]
DAMAGED += [_bytes(False)[:k] for k in (1, 3, 14, 18, 25, 60, 150, -1)]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(f"{path}: cannot be read as plain tensors")) as caught:
        convert(path, tmp_path / "model.safetensors", RECIPE, tiny.FACTS, ABOUT)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["checkpoint.pth"]


class Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_checkpoint_does_not_run(trained, tmp_path):
    content = contents(*trained) | {"optimizer": Touch(tmp_path / "ran")}
    with pytest.raises(UserError, match="cannot be read as plain tensors") as caught:
        run(tmp_path / "checkpoint.pth", content)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["checkpoint.pth"]
    # The file would have run it.
    torch.load(tmp_path / "checkpoint.pth", weights_only=False)["optimizer"].close()
    assert (tmp_path / "ran").exists()


# A file of a few hundred bytes, whose text would have 10^12 words.
LAUGHS = ("ha",)
for _ in range(12):
    LAUGHS = (LAUGHS,) * 10


def _everywhere(content, value):
    for name in content["model"]:
        content["model"][name] = torch.full_like(content["model"][name], value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: _everywhere(c, float("nan")), "not finite"),
        (lambda c: c["ema"]["shadow_params"][0].fill_(float("inf")), "not finite"),
        (lambda c: c["model"].update({k: v.double().fill_(1e300) for k, v in c["model"].items()}), "not finite"),
        (lambda c: c["model"].update({k: v.to(torch.complex64) for k, v in c["model"].items()}), "real numbers"),
        (lambda c: c["model"].update({k: v.long() for k, v in c["model"].items()}), "real numbers"),
        (lambda c: c["model"].update({k: v.to_sparse() for k, v in c["model"].items()}), "real numbers"),
        (lambda c: c["model"].update({5: torch.zeros(1)}), "named '5'"),
        (lambda c: c["model"].update(dict.fromkeys(c["model"], "text")), "is not a tensor"),
        (lambda c: c["ema"].update(shadow_params=5), "has no `model`"),
        (lambda c: c["ema"].update(shadow_params=[None] * len(c["ema"]["shadow_params"])), "is not a tensor"),
        (
            lambda c: c["model"].update({k.removeprefix("module."): v for k, v in c["model"].items()}),
            "twice, once as mod",
        ),
        (lambda c: c["model"].update({((("a",) * 99,),): torch.zeros(1)}), "holds a tensor named"),
        (lambda c: c.update(step=LAUGHS), "has the step"),
        (lambda c: c.update(step="many"), "has the step"),
        (lambda c: c.update(step=float("nan")), "has the step"),
        (lambda c: c.update(step=torch.ones(2)), "has the step"),
    ],
)
def test_odd_keys_and_values_are_one_line_and_nothing_is_written(trained, tmp_path, change, said):
    content = contents(*trained)
    change(content)
    with pytest.raises(UserError, match=said) as caught:
        run(tmp_path / "checkpoint.pth", content)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_compressed_checkpoint_is_refused_before_it_takes_memory(tmp_path):
    whole, packed = tmp_path / "whole.pth", tmp_path / "packed.pth"
    torch.save({"model": {"x": torch.zeros(10**6)}, "ema": {}, "step": 1}, whole)
    with zipfile.ZipFile(whole) as read, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for name in read.namelist():
            written.writestr(name, read.read(name))
    assert packed.stat().st_size < whole.stat().st_size / 100
    with pytest.raises(UserError, match=r"its parts are compressed, which torch\.save never does"):
        convert(packed, tmp_path / "out.safetensors", RECIPE, tiny.FACTS, ABOUT)
    assert not (tmp_path / "out.safetensors").exists()
