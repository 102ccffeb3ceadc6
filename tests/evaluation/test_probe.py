"""The whole probe job: frozen model, right images, right labels."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation import codes as codes_module
from drl.evaluation import mlp_probe, probe
from drl.evaluation.codes import extract_codes, read_codes
from drl.evaluation.measurement import Measurement
from drl.jobs.device import place
from drl.methods.base import ImageFacts
from drl.models.model_file import About, header, load_model, save_model
from drl.records.metrics import read_metrics
from drl.records.right import read_right
from tests import tiny
from tests.evaluation.jobs import ALONE, job_of

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
        "trajectory": False,
    },
    "method": "vdrl",
}


def run(model, images, out, about=None, resources=ALONE, **changes):
    settings = {**SETTINGS, "probe": SETTINGS["probe"] | changes}
    probe.run(job_of("probe", settings, out, about, resources=resources, model=model, images=images))
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
    # Which images each probe got right is stored; its share is the accuracy, or reading would fail.
    assert list(read_right(tmp_path / "probe.csv", rows)) == [
        place for place, row in enumerate(rows) if row["metric"] == "test_accuracy"
    ]
    card = json.loads((tmp_path / "probe.csv.json").read_text())
    assert set(card["outputs"]) == {"probe.csv", "probe.right.safetensors"}
    assert len(card["inputs"]) == 3


def test_equal_calls_give_equal_files(model, stripes, tmp_path):
    for name in ("a.csv", "b.csv"):
        run(model, stripes, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_model_file_and_batch_statistics_stay_byte_identical(model, stripes, tmp_path, monkeypatch):
    before, loaded = model.read_bytes(), []

    def load(*arguments):
        loaded.append(load_model(*arguments))
        return loaded[-1]

    monkeypatch.setattr(probe, "load_model", load)
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
    real, seen = mlp_probe.train_probes, []

    def spy(codes, labels, evaluations, classes, protocol, device, precision, *rest):
        seen.append(precision)
        return real(codes, labels, evaluations, classes, protocol, device, precision, *rest)

    monkeypatch.setattr(mlp_probe, "train_probes", spy)
    run(model, stripes, tmp_path / "p.csv", resources=replace(ALONE, precision=precision))
    assert set(seen) == {precision}


def test_selection_uses_validation_and_trains_without_it(model, stripes, tmp_path, monkeypatch):
    real, seen = mlp_probe.train_probes, []

    def spy(codes, labels, evaluations, *rest):
        seen.append((codes.shape[1], set(evaluations)))
        if "val" in evaluations:
            distance = torch.cdist(codes[1], evaluations["val"][0][1])
            assert float(distance.min()) > 1e-6, "a validation image is among the training images"
        return real(codes, labels, evaluations, *rest)

    monkeypatch.setattr(mlp_probe, "train_probes", spy)
    run(model, stripes, tmp_path / "probe.csv", select="best_val", label_budgets=[24])
    run(model, stripes, tmp_path / "probe.csv", label_budgets=[30])
    rows = run(model, stripes, tmp_path / "probe.csv", validation=True, label_budgets=[24])
    assert seen == [(24, {"test", "val"}), (30, {"test"}), (24, {"test", "val"})]
    # Every probe is measured on both, and the last epoch counts.
    measured = [row for row in rows if row["metric"] == "val_accuracy"]
    assert len(measured) == 3 * 2
    assert {row["epoch"] for row in measured} == {"4"}


def test_images_of_another_size_are_refused(model, stripes, tmp_path):
    store = ImageStore.open(stripes)
    method = load_model(model)
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
        run(model, stripes, tmp_path / "p.csv", about={"dataset": "stripes", "recipe": "drl", "seed": 3})


def refusal(model, images, out, **changes):
    """Return the one line with which the whole job refuses."""
    with pytest.raises(UserError) as refused:
        run(model, images, out, **changes)
    assert not out.exists()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_budget_beyond_the_images_is_refused(model, stripes, tmp_path):
    line = refusal(model, stripes, tmp_path / "p.csv", label_budgets=[31])
    assert line.startswith("probe vdrl on stripes, seed 3: a subset of 31 images was asked for but there are 30")


def test_too_few_images_of_a_class_are_named_before_any_code_is_read(model, other_stripes, tmp_path, monkeypatch):
    images = other_stripes(removed=9)
    monkeypatch.delattr("drl.evaluation.probe.read_codes")
    line = refusal(model, images, tmp_path / "p.csv", label_budgets=[3, 15])
    assert line.startswith("probe vdrl on stripes, seed 3: class 2 has ")
    assert "a balanced subset of 15 needs 5: ask for fewer images" in line


@pytest.mark.parametrize(
    ("changes", "found"),
    [({"image_size": 16}, "1 channels of 16 pixels"), ({"channels": 3}, "3 channels of 8 pixels")],
)
def test_a_job_on_images_of_another_shape_is_refused(model, other_stripes, tmp_path, changes, found):
    line = refusal(model, other_stripes(**changes), tmp_path / "p.csv")
    assert line == (
        "probe vdrl on stripes, seed 3: the model was trained on 1 channels of 8 pixels but dataset 'stripes' has "
        f"{found}; give the images that it was trained on"
    )


def test_a_job_on_a_model_that_gives_nan_is_refused(model, stripes, tmp_path):
    with safe_open(model, framework="pt") as file:
        weights, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    for name, value in weights.items():
        if name.startswith("encoder") and value.is_floating_point():
            value.fill_(float("nan"))
    save_file(weights, tmp_path / "model.safetensors", metadata)
    line = refusal(tmp_path / "model.safetensors", stripes, tmp_path / "p.csv")
    assert line.startswith("probe vdrl on stripes, seed 3: ")
    assert line.endswith("holds numbers that are not finite; pretrain it again")


class NoisyCode(nn.Module):
    """Gives the pixels as a code, with noise where there is a generator."""

    facts = ImageFacts(channels=1, image_size=8, classes=3)

    def encode(self, images, t, generator=None):
        pixels = images.flatten(1).float() / 255
        return pixels if generator is None else pixels + t[:, None] * torch.randn(pixels.shape, generator=generator)


def test_noise_is_asked_for_drawn_once_for_each_t_and_free_of_chunks(stripes, monkeypatch):
    store, placement = ImageStore.open(stripes), place("cpu", "fp32", "off", 1)
    indices, times = torch.arange(20), [0.0, 0.5, 1.0]

    def extract(seed):
        return extract_codes(NoisyCode(), store, indices, times, placement, noise_seed=seed)

    clean, noisy = extract(None), extract(1)
    assert torch.equal(clean[0], clean[2])
    assert torch.equal(noisy[0], clean[0])
    at_half, at_one = (noisy - clean)[1] / 0.5, (noisy - clean)[2]
    for noise in (at_half, at_one):
        assert abs(float(noise.mean())) < 0.15
        assert abs(float(noise.std()) - 1) < 0.1
    assert not torch.allclose(at_half, at_one, atol=0.1)
    assert not torch.equal(extract(2), noisy)
    monkeypatch.setitem(codes_module.CHUNKS, "cpu", 7)
    assert torch.equal(extract(1), noisy)


@pytest.mark.parametrize(
    ("kind", "dae_input", "seed"),
    [
        ("dae", "noisy", 3),
        ("dae", "clean", None),
        ("dae", None, None),
        ("vdrl", "noisy", None),
        ("score_features", None, 3),
    ],
)
def test_only_a_noisy_dae_and_score_features_are_given_a_generator(model_file, kind, dae_input, seed):
    found = Measurement(None, None, header(model_file(kind)), None, None, 0.0, {})
    assert found.noise_seed(dae_input) == seed


def test_the_job_hands_the_seed_of_the_noise_on(model, stripes, tmp_path, monkeypatch):
    seen = []

    def spy(*arguments):
        seen.append(arguments[5])
        return read_codes(*arguments)

    monkeypatch.setattr(probe, "read_codes", spy)
    monkeypatch.setattr(Measurement, "noise_seed", lambda self, dae_input: 17)
    run(model, stripes, tmp_path / "p.csv", label_budgets=[6])
    assert seen == [17]


def test_score_features_are_probed_standardised(model_file, stripes, tmp_path, monkeypatch):
    seen, real = [], mlp_probe.train_probes

    def spy(codes, *rest):
        seen.append(codes)
        return real(codes, *rest)

    monkeypatch.setattr(mlp_probe, "train_probes", spy)
    settings = {**SETTINGS, "method": "score_features"}
    settings["probe"] = SETTINGS["probe"] | {"label_budgets": [30]}
    about = {"scale": "test", "dataset": "stripes", "recipe": "score_features", "seed": 3}
    model = model_file("score_features")
    probe.run(job_of("probe", settings, tmp_path / "p.csv", about, model=model, images=stripes))
    assert seen[0].mean(1).abs().max() < 1e-4
    deviations = seen[0].std(1)
    assert torch.allclose(deviations[deviations > 0], torch.ones(()), atol=1e-3)


def test_dae_is_probed_on_noisy_images_where_asked(stripes, tmp_path):
    about = About("test", "stripes", "dae", 0)
    save_model(tmp_path / "model.safetensors", tiny.method("dae"), {}, about)
    method, store = load_model(tmp_path / "model.safetensors"), ImageStore.open(stripes)
    placement = place("cpu", "fp32", "off", 1)
    clean, noisy = (extract_codes(method, store, store.test, [0.0, 1.0], placement, noise_seed=s) for s in (None, 0))
    change = (noisy - clean).norm(dim=2).mean(1) / clean.norm(dim=2).mean(1)
    assert 0 < float(change[0]) < 0.1 * float(change[1])
    values = {}
    for asked in ("noisy", "clean"):
        rows = run(tmp_path / "model.safetensors", stripes, tmp_path / f"{asked}.csv", dae_input=asked, epochs=20)
        values[asked] = [row["value"] for row in rows if row["metric"] == "test_accuracy"]
    assert values["noisy"] != values["clean"]


def test_a_table_gives_each_image_its_own_code(stripes):
    store, placement = ImageStore.open(stripes), place("cpu", "fp32", "off", 1)
    table = read_codes(NoisyCode(), store, torch.tensor([5, 30, 2]), [0.1, 0.2], placement)
    codes, labels = table.part(torch.tensor([2, 5]))
    assert torch.equal(codes[1], store.images[[2, 5]].flatten(1).float() / 255)
    assert labels.tolist() == store.labels[[2, 5]].tolist()
    assert not codes.is_inference()
