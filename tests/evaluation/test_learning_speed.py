"""Probes on snapshots of the encoder."""

import json

import pytest
import torch

from drl.config.jobs import ProbeProtocol
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation import learning_speed as module
from drl.evaluation import mlp_probe
from drl.evaluation.codes import extract_codes
from drl.evaluation.mlp_probe import train_probes
from drl.jobs.device import place
from drl.models.model_file import load_model, load_snapshots
from drl.records.metrics import read_metrics
from tests import tiny
from tests.evaluation.jobs import job_of

STEPS, TIMES, SEEDS = [0, 6, 12], [0.2, 0.8], [0, 1]
PROTOCOL = {
    "t": TIMES,
    "label_budgets": [6, 24],
    "seeds": SEEDS,
    "hidden": 16,
    "dropout": 0.25,
    "learning_rate": 0.01,
    "weight_decay": 1e-5,
    "batch_size": 8,
    "epochs": 4,
    "select": "last",
    "learning_rates": [],
    "trajectory": False,
}


def snapshot(model, step):
    """Return the model as it might have been after so many steps: its own weights, some of them weaker."""
    method = load_model(model)
    with torch.no_grad():
        method.encoder.linear_latent.weight.mul_(0.1 + step / 12)
    return method


@pytest.fixture(autouse=True)
def snapshots(model, monkeypatch):
    """The model file stands for the file of snapshots, whose header is the same."""
    monkeypatch.setattr(module, "load_snapshots", lambda path, device: ((s, snapshot(model, s)) for s in STEPS))


def run(model, images, out, split=None, about=None, **changes):
    settings = {"probe": PROTOCOL | changes, "method": "vdrl"} | ({"split": split} if split else {})
    module.run(job_of("learning_speed", settings, out, about, snapshots=model, images=images))
    return read_metrics(out)


@pytest.mark.parametrize("split", [None, "test"])
def test_each_snapshot_is_probed_as_if_alone(model, stripes, tmp_path, split):
    rows = run(model, stripes, tmp_path / "speed.csv", split=split)
    store, placement = ImageStore.open(stripes), place("cpu", "fp32", "off", 1)
    measured = store.test if split else store.val
    val = set(store.val.tolist())
    labelled = torch.tensor([image for image in store.train.tolist() if image not in val])
    if split:
        # Test images are measured and nothing is selected, so validation images may be labelled.
        rows = run(model, stripes, tmp_path / "speed.csv", split=split, label_budgets=[6, 30])
        labelled = store.train
    protocol = ProbeProtocol.model_validate(PROTOCOL)
    metric = f"{split or 'val'}_accuracy"
    assert len(rows) == len(STEPS) * len(TIMES) * len(SEEDS)
    for step in STEPS:
        method = snapshot(model, step)
        for t in TIMES:
            train, evaluation = (extract_codes(method, store, part, [t], placement) for part in (labelled, measured))
            evaluations = {"set": (evaluation, store.labels[measured])}
            result = train_probes(train, store.labels[labelled], evaluations, tiny.CLASSES, protocol)
            found = [row for row in rows if (row["step"], row["t"]) == (str(step), str(t))]
            assert [row["probe_seed"] for row in found] == ["0", "1"]
            assert [float(row["value"]) for row in found] == result.accuracy["set"][:, 0].tolist()
            for row in found:
                assert (row["study"], row["metric"], row["labels"]) == ("learning_speed", metric, str(len(labelled)))
                assert (row["epoch"], row["n"], row["split"], row["arm"]) == ("4", "6", "3", "")


def test_snapshots_differ_and_the_card_names_the_study(model, stripes, tmp_path):
    rows = run(model, stripes, tmp_path / "speed.csv")
    assert len({tuple(row["value"] for row in rows if row["step"] == str(step)) for step in STEPS}) > 1
    card = json.loads((tmp_path / "speed.csv.json").read_text())
    assert (card["command"], len(card["inputs"])) == ("learning_speed", 3)


def test_snapshots_of_a_training_are_read(model, stripes, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_snapshots", load_snapshots)
    rows = run(model.parent / "snapshots.safetensors", stripes, tmp_path / "speed.csv")
    steps = [step for step, _ in load_snapshots(model.parent / "snapshots.safetensors")]
    assert len(steps) > 1
    assert [int(row["step"]) for row in rows] == [step for step in steps for _ in range(len(TIMES) * len(SEEDS))]


@pytest.mark.parametrize(("sets_at_once", "calls"), [(6, [6]), (4, [4, 2]), (1, [2, 2, 2])])
def test_all_snapshots_are_one_batch_where_memory_allows(model, stripes, tmp_path, monkeypatch, sets_at_once, calls):
    run(model, stripes, tmp_path / "whole.csv")
    real, seen = mlp_probe.train_probes, []

    def spy(codes, labels, evaluations, *rest):
        seen.append(codes.shape[0])
        assert set(evaluations) == {"val"}
        distance = torch.cdist(codes[1], evaluations["val"][0][1])
        assert float(distance.min()) > 1e-6, "a validation image is among the training images"
        return real(codes, labels, evaluations, *rest)

    monkeypatch.setattr(mlp_probe, "train_probes", spy)
    monkeypatch.setitem(module.LIMIT_BYTES, "cpu", sets_at_once * (24 + 6) * 64 * 4)
    run(model, stripes, tmp_path / "parts.csv")
    assert seen == calls
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_selecting_protocol_measures_test_images_once_validation_has_chosen(model, stripes, tmp_path):
    rows = run(model, stripes, tmp_path / "speed.csv", split="test", select="best_val", label_budgets=[24])
    assert {row["metric"] for row in rows} == {"val_accuracy", "test_accuracy"}
    assert len(rows) == 2 * len(STEPS) * len(TIMES) * len(SEEDS)


def test_bad_input_is_one_line(model, stripes, other_stripes, tmp_path, monkeypatch):
    def refusal(images, **changes):
        with pytest.raises(UserError) as refused:
            run(model, images, tmp_path / "speed.csv", **changes)
        assert not (tmp_path / "speed.csv").exists()
        assert "\n" not in str(refused.value)
        return str(refused.value)

    assert refusal(other_stripes()) == (
        "learning-speed vdrl on stripes, seed 3: dataset 'stripes' has no validation images to measure on; "
        "set its validation"
    )
    assert "a subset of 30 images was asked for but there are 24" in refusal(stripes, label_budgets=[30])
    assert "is of seed 3, not 4" in refusal(stripes, about={"dataset": "stripes", "recipe": "vdrl", "seed": 4})
    monkeypatch.setattr(module, "load_snapshots", lambda path, device: iter(()))
    assert "holds no snapshots; pretrain again" in refusal(stripes)
