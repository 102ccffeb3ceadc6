"""`drl export`: weights and a model card; its Python is run."""

import json
import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from drl.config.recipes import Recipe
from drl.errors import UserError
from drl.files import sha256
from drl.models.export import export
from drl.models.model_facts import ModelFacts, _measured
from drl.models.model_file import header, load_model, start_from
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card
from drl.training.pretrain import run
from drl.training.seeds import generator
from tests import tiny
from tests.cards import read_card

SEED = 3
KINDS = ("drl", "vdrl", "ae", "simclr", "unconditional", "score_features", "supervised")


@pytest.fixture(scope="module")
def trained(stripes, tmp_path_factory):
    """Trains a recipe of a few steps at its place in a folder of results."""
    results, made = tmp_path_factory.mktemp("results") / "lite", {}

    def make(kind="vdrl"):
        if kind not in made:
            made[kind] = results / "models" / "stripes" / kind / f"seed{SEED}" / "model.safetensors"
            run(tiny.training(stripes, made[kind], kind, scale="lite", seed=SEED, states=results / ".state"))
        return made[kind]

    return make


@pytest.fixture
def probed(trained, request):
    """The model with probe metrics and the images' run card at their places."""
    model = trained()
    results = model.parents[4]
    probes = results / "metrics" / "probe" / "stripes" / "vdrl" / f"seed{SEED}.csv"
    shared = {"scale": "lite", "study": "probe", "dataset": "stripes", "recipe": "vdrl", "seed": SEED, "labels": 30}
    rows = [
        {**shared, "t": t, "probe_seed": k, "metric": "test_accuracy", "value": 50 + 10 * t + k, "n": 6}
        for t in (0.0, 0.4, 1.0)
        for k in (0, 1)
    ]
    rows.append({**shared, "arm": "chosen", "t": 0.4, "metric": "val_accuracy", "value": 50, "n": 6})
    write_metrics(probes, rows)
    images = results / "data" / "stripes" / "images.safetensors"
    images.parent.mkdir(parents=True, exist_ok=True)
    images.touch()
    facts = {"classes": ["a", "b", "c"], "n_train": 30, "n_val": 6, "n_test": 6, "origin": "a test"}
    write_card("prepare", [images], {}, "code", dataset="stripes", facts=facts)
    yield SimpleNamespace(model=model, probes=probes)
    for path in (probes, images, images.with_suffix(".safetensors.json")):
        path.unlink()


def card_of(folder):
    return (folder / "README.md").read_text()


def snippet(folder):
    (code,) = re.findall(r"```python\n(.*?)```", card_of(folder), re.DOTALL)
    return code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", ["all", "used", "encoder"])
def test_the_cards_python_works(kind, kept, trained, tmp_path, monkeypatch):
    if kind == "unconditional" and kept == "encoder":
        with pytest.raises(UserError, match="has no encoder; leave --encoder-only out"):
            export(trained(kind), tmp_path / "out", kept)
        return
    export(trained(kind), tmp_path / "out", kept)
    monkeypatch.chdir(tmp_path / "out")
    names: dict = {}
    exec(snippet(tmp_path / "out"), names)
    if kind == "unconditional":
        assert names["drawn"].shape == (4, tiny.SIZE, tiny.SIZE, 1)
        return
    noise = generator(0, "codes at t = 0.5") if kind == "score_features" else None
    images = torch.from_numpy(names["images"]).permute(0, 3, 1, 2)
    wanted = load_model(trained(kind)).encode(images, torch.full((2,), 0.5), noise)
    assert np.array_equal(names["codes"], wanted.numpy())
    assert f"# [N, {wanted.shape[1]}]" in snippet(tmp_path / "out")


def test_the_folder_is_whole(trained, tmp_path):
    out = tmp_path / "deep" / "out"
    export(trained(), out)
    names = {"model.safetensors", "model.safetensors.json", "README.md", "config.json", "training.json"}
    assert {path.name for path in out.iterdir()} == names
    assert not [path for path in out.parent.iterdir() if path != out]
    assert (out / "model.safetensors").read_bytes() == trained().read_bytes()
    assert json.loads((out / "training.json").read_text()) == read_card(trained().parent / f"{trained().name}.json")
    card = read_card(out / "model.safetensors.json")
    assert (card["command"], card["recipe"], card["seed"]) == ("export", "vdrl", SEED)
    assert card["outputs"]["README.md"] == sha256(out / "README.md")
    assert sha256(trained()) in card_of(out)
    config = json.loads((out / "config.json").read_text())
    assert (config["library_name"], config["model_type"], config["about"]["seed"]) == ("drl", "vdrl", SEED)
    assert Recipe.model_validate(config["recipe"]) == header(trained()).recipe
    assert card["outputs"]["config.json"] == sha256(out / "config.json")


def test_the_encoder_alone_is_smaller_and_said_to_be(trained, tmp_path):
    export(trained(), tmp_path / "out", kept="encoder")
    assert (tmp_path / "out" / "encoder.safetensors").stat().st_size < trained().stat().st_size / 2
    assert "`encoder.safetensors`: only the encoder" in card_of(tmp_path / "out")
    assert 'drl.load("encoder.safetensors")' in snippet(tmp_path / "out")


def test_what_codes_and_samples_use_is_half_and_gives_the_same(trained, tmp_path):
    export(trained(), tmp_path / "out", "used")
    small = tmp_path / "out" / "model.safetensors"
    assert small.stat().st_size < 0.6 * trained().stat().st_size
    assert header(small) == header(trained())
    wanted, found = (load_model(path).state_dict() for path in (trained(), small))
    assert wanted.keys() == found.keys()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert "a training cannot start from it" in card_of(tmp_path / "out")
    with pytest.raises(UserError, match="does not fit the network of its recipe"):
        start_from(small, load_model(trained()))


def test_of_score_features_the_score_network_is_kept_and_said_to_be(trained, tmp_path):
    for name, kept in (("whole", "all"), ("alone", "encoder")):
        export(trained("score_features"), tmp_path / name, kept)
        assert "They are of a noisy copy of the image" in card_of(tmp_path / name)
    whole, alone = tmp_path / "whole" / "model.safetensors", tmp_path / "alone" / "encoder.safetensors"
    assert alone.stat().st_size < 0.6 * whole.stat().st_size  # raw or averaged weights, not both
    card = card_of(tmp_path / "alone")
    assert "The score network trained by denoising score matching" in card
    assert "`encoder.safetensors`: only the score network" in card


def test_what_was_measured_is_in_the_card(probed, tmp_path):
    export(probed.model, tmp_path / "out")
    card = card_of(tmp_path / "out")
    assert "| labels | t = 0 | t = 0.4 | t = 1 |" in card
    assert "| 30 | 50.5 | 54.5 | 60.5 |" in card
    assert "Read them at *t* = 0.4" in card
    assert "model.encode(images, t=0.4)" in snippet(tmp_path / "out")
    assert "30 images for training, 6 of them marked as validation images; 6 for testing." in card
    assert "Classes: a, b, c." in card
    assert "12 steps of 8 images, 96 images in all" in card
    assert "Code usage" in card


def test_without_results_around_it_a_model_is_described_by_its_header(trained, tmp_path):
    model = tmp_path / "model.safetensors"
    model.write_bytes(trained().read_bytes())
    export(model, tmp_path / "out")
    card = card_of(tmp_path / "out")
    assert "No probes of this model were found." in card
    assert "The run card of the training was not found." in card
    assert "0.5 is a guess" in card
    assert not (tmp_path / "out" / "training.json").exists()


def test_metrics_may_lie_elsewhere_but_must_be_of_the_model(probed, trained, tmp_path):
    other = tmp_path / "mine.csv"
    other.write_text(probed.probes.read_text())
    export(probed.model, tmp_path / "out", metrics=[other])
    assert "| 30 | 50.5 |" in card_of(tmp_path / "out")
    other.write_text(other.read_text().replace(",vdrl,", ",drl,"))
    with pytest.raises(UserError, match=r"mine\.csv: contains no probes of vdrl on stripes, seed 3, scale lite"):
        export(probed.model, tmp_path / "again", metrics=[other])
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_no_card_has_gaps(kind, trained, tmp_path):
    export(trained(kind), tmp_path / "out")
    card = card_of(tmp_path / "out")
    assert not re.search(r"None|nan|\{|\}|  \n", card.replace("**", "")), card
    assert "Lite" not in card
    assert "lite scale" in card
    assert card.count("\n## ") >= 5


def test_measurements_that_were_edited_are_refused(trained, tmp_path):
    model = shutil.copytree(trained().parent, tmp_path / "copy") / "model.safetensors"
    usage = model.parent / "code_usage.csv"
    usage.write_text(usage.read_text().replace("0.", "1.", 1))
    with pytest.raises(UserError, match=r"code_usage\.csv: is not as it was made"):
        export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_share_that_is_not_finite_is_in_no_card(tmp_path):
    about, path = tiny.about("vdrl", scale="lite"), tmp_path / "code_usage.csv"
    shared = {**vars(about), "study": "pretrain", "step": 5, "t": 0.5, "n": 6}
    losses = {"loss_own_code": 1e-300, "loss_other_code": 1e15}
    write_metrics(path, [{**shared, "metric": name, "value": value} for name, value in losses.items()])
    with pytest.raises(UserError, match=r"or .*code_usage\.csv are not as drl wrote them"):
        _measured([], path, about)


def test_mistakes_are_one_line(trained, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "empty").mkdir()
    for model, out, said in (
        (trained(), tmp_path / "full", "exists and is not empty; give a new folder"),
        (trained(), tmp_path / "full" / "mine.txt", "exists and is not empty"),
        (tmp_path / "none.safetensors", tmp_path / "out", "there is no such model"),
    ):
        with pytest.raises(UserError, match=said):
            export(model, out)
    export(trained(), tmp_path / "empty")
    assert (tmp_path / "empty" / "README.md").is_file()
    with pytest.raises(UserError, match="is not as it was made"):
        export(tiny.damaged(trained(), tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_export_can_be_exported_and_keeps_the_card_of_its_training(trained, tmp_path):
    assert export(trained(), tmp_path / "one") == tmp_path / "one" / "model.safetensors"
    assert export(tmp_path / "one" / "model.safetensors", tmp_path / "two", "encoder").name == "encoder.safetensors"
    assert (tmp_path / "two" / "training.json").read_bytes() == (tmp_path / "one" / "training.json").read_bytes()
    assert read_card(tmp_path / "two" / "training.json")["command"] == "pretrain"
    assert ModelFacts.read(tmp_path / "one" / "model.safetensors").training == ModelFacts.read(trained()).training


@pytest.mark.parametrize("kept", ["used", "encoder"])
def test_an_export_without_all_weights_cannot_be_exported_again(kept, trained, tmp_path):
    weights = export(trained(), tmp_path / "one", kept)
    with pytest.raises(UserError, match="cannot be exported again; give the whole model"):
        export(weights, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_exported_weights_can_be_encoded_with(trained, tmp_path):
    from PIL import Image

    from drl.evaluation.encode import encode
    from drl.jobs.job import Resources

    export(trained(), tmp_path / "out", kept="encoder")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "images" / "a.png")
    resources = Resources(device="cpu", precision="fp32", threads=1)
    for model, name in ((trained(), "whole"), (tmp_path / "out" / "encoder.safetensors", "alone")):
        encode(model, tmp_path / "images", [0.5], tmp_path / f"{name}.npy", resources)
    assert np.array_equal(np.load(tmp_path / "whole.npy"), np.load(tmp_path / "alone.npy"))


def test_names_in_a_card_are_no_markup(probed, tmp_path):
    card = probed.model.parents[4] / "data" / "stripes" / "images.safetensors.json"
    said = json.loads(card.read_text())
    said["facts"] |= {"classes": ["<img src=x onerror=alert(9)>", "pets_", "|x|", "$x$", "猫"], "origin": "p</script>"}
    card.write_text(json.dumps(said))
    export(probed.model, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert r"- Classes: \<img src=x onerror=alert(9)\>, pets\_, \|x\|, \$x\$, 猫." in text
    assert r"- Source: p\</script\>." in text


def test_no_folder_that_it_did_not_make_is_removed(trained, tmp_path):
    theirs = tmp_path / f".out.{os.getpid()}.part"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    export(trained(), tmp_path / "out")
    assert (theirs / "notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"out", theirs.name}
    assert (tmp_path / "out").stat().st_mode == theirs.stat().st_mode, "others may read it as any new folder"
