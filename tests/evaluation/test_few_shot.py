"""Support vector machines on a few labelled codes (Figure 8)."""

import json
from dataclasses import replace

import pytest
import torch
from sklearn.svm import SVC

from drl.data.splits import label_subset
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation import few_shot as module
from drl.evaluation.codes import CodeTable, extract_codes
from drl.evaluation.measurement import Measurement
from drl.jobs.device import place
from drl.models.model_file import About, load_model, save_model
from drl.records.metrics import read_metrics
from drl.records.right import read_right
from tests import tiny
from tests.evaluation.jobs import ALONE, job_of

TIMES, LABELS, SPLIT = [0.0, 0.5, 1.0], [6, 21], 12


def run(model, images, out, threads=1, label_list=None, about=None, **changes):
    section = {"t": TIMES, "labels": LABELS, "split": SPLIT, "validation": False} | changes
    settings = {"few_shot": section, "label_list": label_list, "method": "vdrl"}
    resources = replace(ALONE, threads=threads)
    module.run(job_of("few_shot", settings, out, about, resources=resources, model=model, images=images))
    return read_metrics(out)


@pytest.fixture(scope="module")
def reference(model, stripes):
    """Fits and measures one machine, on all images' codes, without the code under test."""
    store = ImageStore.open(stripes)
    every = torch.arange(len(store.labels))
    codes = extract_codes(load_model(model), store, every, TIMES, place("cpu", "fp32", "off", 1)).double().numpy()
    labels = store.labels.numpy()

    def accuracy(t, n, measured, candidates):
        subset = label_subset(labels, n, SPLIT, candidates=candidates)
        predicted = SVC().fit(codes[TIMES.index(t)][subset], labels[subset]).predict(codes[TIMES.index(t)][measured])
        return 100 * float((predicted == labels[measured]).mean())

    return store, accuracy


def test_rows_are_those_of_a_machine_for_each_t_and_number_of_labels(model, stripes, tmp_path, reference):
    store, accuracy = reference
    rows = run(model, stripes, tmp_path / "few.csv")
    assert [(row["labels"], row["t"]) for row in rows] == [(str(n), str(t)) for n in LABELS for t in TIMES]
    for row in rows:
        assert (row["study"], row["recipe"], row["seed"], row["split"]) == ("few_shot", "vdrl", "3", "12")
        assert (row["metric"], row["n"], row["arm"], row["probe_seed"], row["epoch"]) == (
            "test_accuracy",
            "6",
            "",
            "",
            "",
        )
        expected = accuracy(float(row["t"]), int(row["labels"]), store.test, store.train)
        assert float(row["value"]) == pytest.approx(expected)
    card = json.loads((tmp_path / "few.csv.json").read_text())
    assert (card["command"], len(card["inputs"])) == ("few_shot", 3)


def test_validation_is_measured_and_keeps_its_labels_to_itself(model, stripes, tmp_path, reference):
    store, accuracy = reference
    rows = run(model, stripes, tmp_path / "few.csv", validation=True)
    candidates = sorted(set(store.train.tolist()) - set(store.val.tolist()))
    assert len(rows) == 2 * len(LABELS) * len(TIMES)
    for row in rows:
        measured = {"test_accuracy": store.test, "val_accuracy": store.val}[row["metric"]]
        expected = accuracy(float(row["t"]), int(row["labels"]), measured, candidates)
        assert float(row["value"]) == pytest.approx(expected)


def test_the_machine_is_sklearns_default():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(3).repeat(80)
    codes = torch.randn(1, 240, 4, generator=generator) + 0.8 * labels[:, None]
    table = CodeTable(codes, labels, torch.arange(240))
    subset, measured = torch.arange(60), torch.arange(60, 240)
    right = module._fit(table, {60: subset}, {"test": measured}, 60, 0)["test"]
    found = 100 * float(right.double().mean())
    numbers, classes = codes[0].double().numpy(), labels.numpy()

    def accuracy(**options):
        return 100 * SVC(**options).fit(numbers[:60], classes[:60]).score(numbers[60:], classes[60:])

    assert found == pytest.approx(accuracy(C=1.0, kernel="rbf", gamma="scale"))
    assert found not in (accuracy(C=0.01), accuracy(kernel="linear"), accuracy(gamma=1.0))


def test_threads_change_nothing(model, stripes, tmp_path):
    for threads in (1, 2):
        run(model, stripes, tmp_path / f"{threads}.csv", threads=threads)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    rows = read_metrics(tmp_path / "1.csv")
    measured = [place for place, row in enumerate(rows) if row["metric"] == "test_accuracy"]
    assert list(read_right(tmp_path / "1.csv", rows)) == measured


def test_the_split_decides_which_images_are_labelled(model, stripes, tmp_path, monkeypatch):
    subsets = []
    real = Measurement.labelled

    def spy(self, candidates, budget, seed, label_list):
        subsets.append((seed, tuple(real(self, candidates, budget, seed, label_list).tolist())))
        return torch.tensor(subsets[-1][1])

    monkeypatch.setattr(Measurement, "labelled", spy)
    for split in (12, 12, 5):
        run(model, stripes, tmp_path / "few.csv", split=split, labels=[6])
    assert subsets[0] == subsets[1]
    assert subsets[2][0] == 5
    assert subsets[2][1] != subsets[0][1]


def test_label_lists_are_read(model, stripes, tmp_path, reference):
    store, _ = reference
    files = {position: name for name, position in store.training_files().items()}
    listed = [int(store.train[store.labels[store.train] == label][k]) for label in range(3) for k in range(2)]
    folder = tmp_path / "lists" / "6_balanced_labels"
    folder.mkdir(parents=True)
    lines = [f"{files[image]} {store.classes[store.labels[image]]}" for image in listed]
    (folder / "12.txt").write_text("\n".join(lines))
    rows = run(model, stripes, tmp_path / "few.csv", labels=[6], label_list=str(tmp_path / "lists"))
    assert len(rows) == len(TIMES)
    with pytest.raises(UserError, match=r"few-shot vdrl on stripes, seed 3: label list .*13\.txt cannot be read"):
        run(model, stripes, tmp_path / "few.csv", labels=[6], label_list=str(tmp_path / "lists"), split=13)


@pytest.fixture
def timeless(tmp_path):
    """A model whose encoder does not see t."""
    encoder = {"kind": "unet", "nf": 4, "channel_multipliers": [1, 1], "blocks": 1, "attention_resolutions": []}
    about = About("test", "stripes", "drl_8d", 0)
    save_model(tmp_path / "model.safetensors", tiny.method("drl", encoder=encoder | {"code_size": 8}), {}, about)
    return tmp_path / "model.safetensors"


def test_an_encoder_without_time_is_read_once(timeless, stripes, tmp_path, monkeypatch):
    real, read = module.read_codes, []

    def spy(*arguments):
        read.append(arguments[3])
        return real(*arguments)

    monkeypatch.setattr(module, "read_codes", spy)
    rows = run(timeless, stripes, tmp_path / "few.csv")
    assert read == [(TIMES[0],)]
    assert [(row["labels"], row["t"]) for row in rows] == [(str(n), str(t)) for n in LABELS for t in TIMES]
    last_t = run(timeless, stripes, tmp_path / "last.csv", t=TIMES[-1:])
    for row in rows:
        assert [row["value"]] == [other["value"] for other in last_t if other["labels"] == row["labels"]]
    # DAE's input depends on t even where its encoder does not.
    monkeypatch.setattr(Measurement, "noise_seed", lambda self, dae_input: 1)
    run(timeless, stripes, tmp_path / "few.csv")
    assert read[-1] == tuple(TIMES)


def test_only_images_that_are_used_are_encoded(model, stripes, tmp_path, monkeypatch):
    real, counts = module.read_codes, []

    def spy(*arguments):
        counts.append(len(arguments[2]))
        return real(*arguments)

    monkeypatch.setattr(module, "read_codes", spy)
    run(model, stripes, tmp_path / "few.csv", labels=[6])
    assert counts == [6 + 6]


def test_bad_input_is_one_line(model, stripes, other_stripes, tmp_path):
    def refusal(images, **changes):
        with pytest.raises(UserError) as refused:
            run(model, images, tmp_path / "few.csv", **changes)
        assert not (tmp_path / "few.csv").exists()
        assert "\n" not in str(refused.value)
        return str(refused.value)

    lopsided = other_stripes(removed=9)
    assert "class 2 has" in refusal(lopsided, labels=[15])
    line = refusal(lopsided, validation=True, labels=[3])
    assert line.startswith("few-shot vdrl on stripes, seed 3: dataset 'stripes' has no validation images")
    assert "a subset of 31 images was asked for" in refusal(stripes, labels=[31])
    assert "is of recipe 'vdrl', not 'drl'" in refusal(
        stripes, about={"dataset": "stripes", "recipe": "drl", "seed": 3}
    )


def test_huge_codes_give_the_same_machine():
    """Squares of 1e30 do not fit into float32: the machine computes in float64, and scales by the variance."""
    codes = torch.randn(1, 60, 4, generator=torch.Generator().manual_seed(0))
    table = CodeTable(codes, torch.arange(60) % 3, torch.arange(60))
    parts = {5: torch.arange(20)}, {"test": torch.arange(20, 60)}
    assert torch.equal(
        module._fit(replace(table, codes=codes * 2.0**100), *parts, 5, 0)["test"],
        module._fit(table, *parts, 5, 0)["test"],
    )
