"""The whole probe job: frozen model, right images, right labels."""

import json

import pytest
import torch

from drl.data.store import ImageStore
from drl.device import place
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.probe import probe
from drl.metrics import read_metrics
from drl.models.model_file import load_model
from drl.training.pretrain import Name, Resources, pretrain
from tests import tiny

SETTINGS = {
    "probe": {
        "t": [0.0, 0.5, 1.0],
        "label_budgets": [6, 30],
        "seeds": [0, 1],
        "hidden": 16,
        "dropout": 0.25,
        "learning_rate": 0.01,
        "weight_decay": 1e-5,
        "batch_size": 8,
        "epochs": 4,
        "select": "last",
        "learning_rates": [],
    },
    "label_list": None,
    "label_list_sha256": None,
    "method": "vdrl",
}


@pytest.fixture(scope="module")
def model(stripes, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "model.safetensors"
    name = Name("test", "stripes", "vdrl", 3)
    resources = Resources(device="cpu", precision="fp32", compile="off", threads=1)
    pretrain(name, tiny.settings("vdrl"), stripes, out, out.parent / "states", "code", resources)
    return out


def run(model, stripes, out, **changes):
    settings = {**SETTINGS, "probe": SETTINGS["probe"] | changes}
    probe(model, stripes, out, settings, "code", device="cpu", precision="fp32", threads=1)
    return read_metrics(out)


def test_rows_and_card(model, stripes, tmp_path):
    rows = run(model, stripes, tmp_path / "probe.csv")
    assert len(rows) == 2 * 2 * 3 * 2
    rates = [row for row in rows if row["metric"] == "learning_rate"]
    assert {row["value"] for row in rates} == {"0.01"}
    for row in (row for row in rows if row["metric"] != "learning_rate"):
        assert (row["study"], row["dataset"], row["recipe"], row["seed"]) == ("probe", "stripes", "vdrl", "3")
        assert (row["metric"], row["epoch"], row["n"]) == ("test_accuracy", "4", "6")
        assert 0 <= float(row["value"]) <= 100
    assert {(row["labels"], row["t"]) for row in rows} == {(b, t) for b in ("6", "30") for t in ("0.0", "0.5", "1.0")}
    card = json.loads((tmp_path / "probe.csv.json").read_text())
    assert set(card["outputs"]) == {"probe.csv"}
    assert len(card["inputs"]) == 3


def test_equal_calls_give_equal_files(model, stripes, tmp_path):
    for name in ("a.csv", "b.csv"):
        run(model, stripes, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_model_file_and_batch_statistics_stay_byte_identical(model, stripes, tmp_path, monkeypatch):
    before, loaded = model.read_bytes(), []
    from drl.evaluation import probe as module

    def load(*arguments):
        loaded.append(load_model(*arguments))
        return loaded[-1]

    monkeypatch.setattr(module, "load_model", load)
    run(model, stripes, tmp_path / "probe.csv")
    assert model.read_bytes() == before
    fresh = load_model(model).state_dict()
    assert any("running_mean" in name for name in fresh)
    for used in loaded:
        for name, value in used.state_dict().items():
            assert value.numpy().tobytes() == fresh[name].numpy().tobytes(), name


def test_codes_are_those_of_single_images(model, stripes):
    method, store = load_model(model), ImageStore.open(stripes)
    indices = torch.tensor([4, 0, 9])
    codes = extract_codes(method, store, indices, [0.0, 0.7], place("cpu", "fp32", "off", 1))
    assert codes.shape == (2, 3, 64)
    for row, t in enumerate((0.0, 0.7)):
        for column, index in enumerate(indices):
            alone = method.encode(store.images[index : index + 1], torch.tensor([t]))[0]
            assert torch.allclose(codes[row, column], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_probes_products_have_the_precision_of_the_job(model, stripes, tmp_path, monkeypatch, precision):
    from drl.evaluation import probe as module

    real, seen = module.train_probes, []

    def spy(codes, labels, evaluations, classes, options, *rest):
        seen.append(options.precision)
        return real(codes, labels, evaluations, classes, options, *rest)

    monkeypatch.setattr(module, "train_probes", spy)
    probe(model, stripes, tmp_path / "p.csv", SETTINGS, "code", device="cpu", precision=precision, threads=1)
    assert set(seen) == {precision}


def test_selection_uses_validation_and_trains_without_it(model, stripes, tmp_path, monkeypatch):
    from drl.evaluation import probe as module

    real, seen = module.train_probes, []

    def spy(codes, labels, evaluations, *rest):
        seen.append((codes.shape[1], set(evaluations)))
        if "val" in evaluations:
            distance = torch.cdist(codes[1], evaluations["val"][0][1])
            assert float(distance.min()) > 1e-6, "a validation image is among the training images"
        return real(codes, labels, evaluations, *rest)

    monkeypatch.setattr(module, "train_probes", spy)
    run(model, stripes, tmp_path / "probe.csv", select="best_val", label_budgets=[24])
    run(model, stripes, tmp_path / "probe.csv", label_budgets=[30])
    assert seen == [(24, {"test", "val"}), (30, {"test"})]


def test_images_of_another_size_are_refused(model, stripes, tmp_path):
    store = ImageStore.open(stripes)
    method = load_model(model)
    from dataclasses import replace

    larger = replace(store, images=store.images.repeat(1, 1, 2, 2))
    with pytest.raises(UserError, match=r"trained on 1 channels of 8 pixels but .* 1 channels of 16 pixels"):
        extract_codes(method, larger, store.test, [0.5], place("cpu", "fp32", "off", 1))


def test_images_of_another_dataset_are_refused(model, stripes, tmp_path):
    from drl.config.datasets import DatasetSettings
    from drl.data.prepare import prepare

    other = DatasetSettings(
        title="x", source="digits", classes=10, channels=1, image_size=8, train=1200, test=500, validation=20
    )
    prepare("digits", other, tmp_path / "digits.safetensors")
    with pytest.raises(UserError, match=r"trained on dataset 'stripes' but .* holds 'digits'"):
        run(model, tmp_path / "digits.safetensors", tmp_path / "probe.csv")
    assert not (tmp_path / "probe.csv").exists()


def test_codes_that_are_not_finite_are_refused(model, stripes):
    method, store = load_model(model), ImageStore.open(stripes)
    with torch.no_grad():
        method.encoder.linear_latent.weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"codes at t = 0\.5 are not finite"):
        extract_codes(method, store, store.test, [0.5], place("cpu", "fp32", "off", 1))


def test_another_model_than_was_asked_for_is_refused(model, stripes, tmp_path):
    with pytest.raises(UserError, match="is of recipe 'vdrl', not 'drl'"):
        probe(model, stripes, tmp_path / "p.csv", SETTINGS, "code", expected={"recipe": "drl", "seed": 3})


def test_too_few_images_of_a_class_are_named(model, stripes, tmp_path):
    with pytest.raises(UserError, match="probe vdrl on stripes, seed 3"):
        run(model, stripes, tmp_path / "probe.csv", label_budgets=[31])
