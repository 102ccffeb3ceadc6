"""The whole trajectory of codes: all t side by side, and the t that validation chooses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.config.jobs import ProbeProtocol
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation import mlp_probe as module
from drl.evaluation import probe
from drl.evaluation.codes import extract_codes
from drl.evaluation.mlp_probe import train_probes
from drl.evaluation.trajectory import best_time, held_out, side_by_side
from drl.jobs.device import place
from drl.models.model_file import load_model
from drl.records.metrics import read_metrics
from tests import tiny
from tests.evaluation.jobs import job_of

TIMES, SEEDS = [0.0, 0.4, 1.0], [0, 1, 2]
PROTOCOL = {
    "t": TIMES,
    "label_budgets": [6, 30],
    "seeds": SEEDS,
    "hidden": 16,
    "dropout": 0.25,
    "learning_rate": 0.01,
    "weight_decay": 1e-5,
    "batch_size": 8,
    "epochs": 8,
    "select": "last",
    "learning_rates": [],
    "trajectory": True,
}


def run(model, images, out, **changes):
    probe.run(job_of("probe", {"probe": PROTOCOL | changes, "method": "vdrl"}, out, model=model, images=images))
    return read_metrics(out)


def arm(rows, name, metric="test_accuracy"):
    return [row for row in rows if (row["arm"], row["metric"]) == (name, metric)]


@pytest.fixture(scope="module")
def trained(model, stripes):
    """Trains probes on the codes of given images, joined or not, without the code under test."""
    store, placement = ImageStore.open(stripes), place("cpu", "fp32", "off", 1)
    every = torch.arange(len(store.labels))
    codes = extract_codes(load_model(model), store, every, TIMES, placement)
    protocol = ProbeProtocol.model_validate(PROTOCOL)

    def train(labelled, measured, joined=False):
        used = torch.stack([torch.cat(list(codes[:, image])) for image in every])[None] if joined else codes
        evaluations = {"set": (used[:, measured], store.labels[measured])}
        result = train_probes(used[:, labelled], store.labels[labelled], evaluations, tiny.CLASSES, protocol)
        return result.accuracy["set"]

    return store, train


@pytest.fixture(scope="module")
def rows(model, stripes, tmp_path_factory):
    return run(model, stripes, tmp_path_factory.mktemp("trajectory") / "probe.csv")


def test_ordinary_rows_stay_what_they_are(rows, model, stripes, tmp_path):
    plain = run(model, stripes, tmp_path / "plain.csv", trajectory=False)
    ordinary = [row for row in rows if row["arm"] == ""]
    assert [row for row in ordinary if row["metric"] != "val_accuracy"] == plain
    # What the probes that choose t reached is given as well.
    assert len(rows) == len(plain) + 2 * len(SEEDS) + 1 + len(SEEDS) * len(TIMES)


def test_concatenated_codes_are_probed_like_the_others(rows, trained):
    store, train = trained
    found = arm(rows, "concatenated")
    assert [row["value"] for row in found] == [str(float(v)) for v in train(store.train, store.test, joined=True)[:, 0]]
    assert [row["probe_seed"] for row in found] == ["0", "1", "2"]
    for row in found:
        assert (row["t"], row["labels"], row["epoch"], row["n"], row["split"]) == ("", "30", "8", "6", "3")


def test_t_is_chosen_by_labelled_images_that_are_held_out(rows, trained):
    store, train = trained
    rest = torch.tensor([image for image in store.train.tolist() if image not in store.val.tolist()])
    assert len(rest) + len(store.val) == len(store.train)
    means = train(rest, store.val).mean(0).tolist()
    choice = means.index(max(means))
    assert choice > 0, "a t that is not the first must be best, or this shows nothing"
    found = arm(rows, "chosen")
    expected = train(store.train, store.test)[:, choice]
    assert [(row["t"], row["value"]) for row in found] == [(str(TIMES[choice]), str(float(v))) for v in expected]
    assert [row["probe_seed"] for row in found] == ["0", "1", "2"]
    [validation] = arm(rows, "chosen", "val_accuracy")
    assert float(validation["value"]) == pytest.approx(max(means))
    assert (validation["t"], validation["probe_seed"], validation["n"]) == (str(TIMES[choice]), "", "6")


def test_choosing_uses_neither_test_images_nor_labels_beyond_the_budget(model, stripes, tmp_path, monkeypatch):
    real, seen = module.train_probes, []

    def spy(codes, labels, evaluations, *rest):
        seen.append((codes, {name: pair[0] for name, pair in evaluations.items()}))
        return real(codes, labels, evaluations, *rest)

    monkeypatch.setattr(module, "train_probes", spy)
    run(model, stripes, tmp_path / "probe.csv", label_budgets=[21])
    ordinary, joined, choosing = seen
    assert joined[0].shape == (1, 21, 3 * 64)
    assert set(choosing[1]) == {"val"}
    used = torch.cat([choosing[0], choosing[1]["val"]], 1)
    # The two parts are the labelled images, each once.
    assert used.shape[1] == 21
    assert torch.equal(used[1].sort(0).values, ordinary[0][1].sort(0).values)


def test_selecting_probes_choose_t_without_further_training(model, stripes, tmp_path, monkeypatch):
    real, calls = module.train_probes, []

    def spy(*arguments):
        calls.append(arguments[0].shape)
        return real(*arguments)

    monkeypatch.setattr(module, "train_probes", spy)
    rows = run(model, stripes, tmp_path / "probe.csv", select="best_val", label_budgets=[24])
    assert calls == [(3, 24, 64), (1, 24, 192)]
    means = [sum(float(row["value"]) for row in arm(rows, "", "val_accuracy") if row["t"] == str(t)) / 3 for t in TIMES]
    choice = TIMES[means.index(max(means))]
    ordinary = [row["value"] for row in arm(rows, "") if row["t"] == str(choice)]
    assert [(row["t"], row["value"]) for row in arm(rows, "chosen")] == [(str(choice), value) for value in ordinary]
    assert len(arm(rows, "concatenated")) == 3


def test_without_validation_images_the_job_stops_before_it_reads_codes(model, other_stripes, tmp_path, monkeypatch):
    images = other_stripes()
    monkeypatch.delattr("drl.evaluation.probe.read_codes")
    with pytest.raises(UserError) as refused:
        run(model, images, tmp_path / "probe.csv")
    assert str(refused.value) == (
        "probe vdrl on stripes, seed 3: 0 of the 30 labelled images are validation images, so t cannot be chosen on "
        "them; set the dataset's validation, or studies.probe.trajectory: false"
    )


@given(st.data(), st.integers(1, 3), st.integers(1, 6))
def test_best_time_is_the_first_of_equals(data, seeds, times):
    values = st.lists(st.sampled_from([10.0, 100 / 3, 33.3, 200 / 3]), min_size=seeds, max_size=seeds)
    columns = [data.draw(values) for _ in range(times)]
    accuracy = torch.tensor(columns, dtype=torch.float64).T
    best, where = -1.0, -1
    for index, column in enumerate(columns):
        mean = sum(sorted(column)) / seeds
        if mean > best + 1e-9:
            best, where = mean, index
    assert best_time(accuracy) == where


def test_side_by_side_keeps_the_codes_of_an_image_together():
    codes = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))
    joined = side_by_side(codes)
    assert joined.shape == (1, 5, 6)
    for image in range(5):
        assert joined[0, image].tolist() == [float(v) for t in range(3) for v in codes[t, image]]


@given(st.sets(st.integers(0, 20), min_size=1), st.sets(st.integers(0, 20)))
def test_held_out_parts_are_disjoint_and_whole(labelled, val):
    def tensor(values):
        return torch.tensor(sorted(values), dtype=torch.int64)

    if labelled & val and labelled - val:
        rest, marked = held_out(tensor(labelled), tensor(val))
        assert (set(rest.tolist()), set(marked.tolist())) == (labelled - val, labelled & val)
    else:
        with pytest.raises(UserError, match=f"^{len(labelled & val)} of the {len(labelled)} labelled images"):
            held_out(tensor(labelled), tensor(val))
