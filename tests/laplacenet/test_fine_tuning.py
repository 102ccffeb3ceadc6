import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from drl.config.jobs import ClassifierSettings, FineTuneJob
from drl.data.store import ImageStore
from drl.errors import Unfinished, UserError
from drl.jobs.device import place
from drl.jobs.job import Job
from drl.laplacenet import fine_tuning, versions
from drl.laplacenet.classifier import build, load_classifier
from drl.laplacenet.evaluation import Evaluation
from drl.laplacenet.fine_tune import run
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.models.model_file import save_model
from drl.records.metrics import read_metrics
from drl.records.right import read_right
from tests import tiny

STUDY = {
    "steps": 47,
    "epoch_steps": None,
    "batch_size": 6,
    "labelled_batch": 3,
    "supervised_epochs": 2,
    "passes": 2,
    "versions": 2,
    "weak": 1,
    "strong": 2,
    "flip": 0.0,
    "padding": 1,
    "learning_rate": 0.03,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "tail_epochs": 1,
    "mixup_alpha": 1.0,
    "neighbours": 5,
    "alpha": 0.99,
    "tolerance": 1e-3,
    "solver_iterations": 30,
    "alignment_rounds": 10,
    "select": "last",
    "early_epoch": 3,
    "search": [0.2, 0.5, 0.8],
}
ENCODER = tiny.recipe().encoder
NETWORK = ClassifierSettings(encoder=ENCODER, pixels="standardised", centre_inputs=False)


def settings(arm: dict[str, Any] | None = None, dropout: float = 0.0, **study: Any) -> FineTuneJob:
    """Return the settings of `drl fine-tune`: twelve labels, and changes of the arm and the protocol."""
    network = NETWORK.model_copy(update={"encoder": ENCODER.model_copy(update={"dropout": dropout})})
    values = {"arm": {"model": None} | (arm or {}), "labels": 12, "fine_tune": STUDY | study, "network": network}
    return FineTuneJob.model_validate(values)


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return tiny.images(tmp_path_factory.mktemp("stripes"), per_class=20)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    save_model(path, tiny.method("drl"), {}, tiny.about("drl", scale="demo"))
    return path


def tuner(stripes, chosen=None, seed=0):
    """A fresh fine-tuning in this process, fp32 on one thread."""
    placement = place("cpu", "fp32", "off", 1)
    store = ImageStore.open(stripes)
    chosen = chosen or settings()
    network = build(chosen.network, tiny.FACTS, seed)
    return FineTuner(network, store, ImageSplit.of(store, chosen, 12), placement, chosen, seed)


def tune(stripes, folder, chosen=None, arm="none", model=None, seed=0, dataset="stripes"):
    """Run the command's function; return the CSV's path."""
    about = {"scale": "demo", "dataset": dataset, "arm": arm, "labels": 12, "split": 12, "seed": seed}
    inputs = {"images": (stripes,), "model": () if model is None else (model,)}
    out, chosen = folder / "out.csv", chosen or settings()
    run(Job("fine_tune", about, chosen, "code", inputs, out, folder / "states", tiny.RESOURCES))
    return out


def values(path, metric):
    with Path(path).open(newline="") as stream:
        return {int(row["epoch"]): float(row["value"]) for row in csv.DictReader(stream) if row["metric"] == metric}


def finish(job):
    while job.step < job.total:
        job.advance()
    return job


def test_a_row_an_epoch_and_a_classifier_that_learned_the_stripes(stripes, tmp_path):
    out = tune(stripes, tmp_path, settings(steps=260, learning_rate=0.05))
    seen = values(out, "accuracy")
    epochs = 2 + (260 - 8) // 14
    assert list(seen) == list(range(1, epochs + 1))
    assert seen[epochs] > 80
    assert list(values(out, "pseudo_label_accuracy")) == list(range(3, epochs + 1))
    assert values(out, "loss")[epochs] < values(out, "loss")[1]
    network, header = load_classifier(out.with_suffix(".safetensors"))
    store = ImageStore.open(stripes)
    read = Evaluation(network, store, place("cpu", "fp32", "off", 1), header.network)
    assert 100 * float(read.right(store.test).double().mean()) == pytest.approx(seen[epochs])
    assert not (tmp_path / "states").exists() or not list((tmp_path / "states").iterdir())


def test_the_card_names_what_was_taken_and_which_images_kept_their_labels(stripes, model, tmp_path):
    out = tune(stripes, tmp_path, settings({"model": "drl"}), "drl", model)
    card = json.loads(Path(f"{out}.json").read_text())
    assert "conv.weight" in card["taken_from_model"]
    assert not any(name.startswith("classifier") for name in card["taken_from_model"])
    assert len(card["labelled_images"]) == 12
    rows = read_metrics(out)
    assert list(read_right(out, rows)) == [place for place, row in enumerate(rows) if row["metric"] == "accuracy"]
    assert sorted(card["outputs"]) == ["out.csv", "out.right.safetensors", "out.safetensors"]
    assert any(name.endswith("model.safetensors") for name in card["inputs"])
    store = ImageStore.open(stripes)
    counts = store.labels[torch.tensor(card["labelled_images"])].bincount()
    assert counts.tolist() == [4, 4, 4]


STOPS = {"supervised": 3, "between epochs": 8, "semi-supervised": 15, "search": 20, "later": 30}


@pytest.mark.parametrize(
    ("t_init", "stop"),
    [
        (0.5, "supervised"),
        (0.5, "semi-supervised"),
        ("search", "between epochs"),
        ("search", "search"),
        ("search", "later"),
    ],
)
def test_stopped_and_resumed_is_uninterrupted_bit_for_bit(stripes, model, tmp_path, monkeypatch, t_init, stop):
    stop = STOPS[stop]
    chosen = settings({"model": "drl", "t_init": t_init, "mixup": True}, dropout=0.2)
    whole = tune(stripes, tmp_path / "whole", chosen, "drl", model)
    tiny.stop_after(stop, monkeypatch)
    with pytest.raises(Unfinished, match=f"step {stop} of"):
        tune(stripes, tmp_path / "parts", chosen, "drl", model)
    monkeypatch.undo()
    torch.rand(7)  # a new process has another default generator
    parts = tune(stripes, tmp_path / "parts", chosen, "drl", model)
    for suffix in (".csv", ".safetensors"):
        assert parts.with_suffix(suffix).read_bytes() == whole.with_suffix(suffix).read_bytes()


def test_the_early_reading_is_a_prefix_of_the_whole_run(stripes):
    whole, early = finish(tuner(stripes)), finish(tuner(stripes, settings({"until": "early"})))
    assert whole.epochs == 4
    assert early.rows == [row for row in whole.rows if row["epoch"] <= 3]


def test_other_seeds_and_arms_of_one_seed(stripes):
    first, again, other = (finish(tuner(stripes, seed=seed)) for seed in (0, 0, 1))
    assert first.rows == again.rows
    assert first.rows != other.rows
    assert torch.equal(first.split.labelled, other.split.labelled)


@pytest.mark.parametrize(
    ("arm", "mixed"), [({}, (False, True)), ({"mixup": True}, (True, True)), ({"mixup_semi": False}, (False, False))]
)
def test_mixup_is_where_the_knobs_say(stripes, monkeypatch, arm, mixed):
    shares = []
    real = fine_tuning.mixed_entropy

    def spy(logits, targets, order, share):
        shares.append((share, None if order is None else order.tolist()))
        return real(logits, targets, order, share)

    monkeypatch.setattr(fine_tuning, "mixed_entropy", spy)
    job = finish(tuner(stripes, settings(arm)))
    supervised = 2 * 8  # two versions of eight steps
    phases = shares[:supervised], shares[supervised:]
    for phase, wanted in zip(phases, mixed, strict=True):
        assert any(share != 1 for share, _ in phase) == wanted
        # The versions of an image share what they are mixed with.
        assert all(one == two for one, two in zip(phase[::2], phase[1::2], strict=True))
    assert len(shares) == 2 * job.total


def test_a_step_is_the_mean_over_versions_each_with_its_own_batch_statistics(stripes):
    job, plain = tuner(stripes), tuner(stripes)
    positions, versions = job._batch(False)
    targets = job.store.labels[positions]
    job._learn({"images": versions, "targets": targets, "numbers": torch.tensor([0.1, 1.0], dtype=torch.float64)})
    network = plain.network.train()
    entropies = []
    for images in versions:
        x = (images / 255 - plain.store.mean) / plain.store.std
        logits = network.logits(x)
        entropies.append(torch.nn.functional.cross_entropy(logits, targets))
    expected = torch.stack(entropies).mean()
    expected.backward()
    torch.testing.assert_close(job.loss_sum.float(), expected.detach(), rtol=1e-5, atol=1e-6)
    plain.optimiser.step(0.1)
    for found, wanted in zip(job.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(job.network.norm.running_mean, network.norm.running_mean)


def test_batches_are_labelled_and_unlabelled_images_in_their_shares(stripes):
    job = tuner(stripes)
    labelled, others = set(job.split.labelled.tolist()), set(job.split.others.tolist())
    assert not labelled & others
    assert labelled | others == set(job.store.train.tolist())
    seen = []
    for _ in range(14):
        positions, versions = job._batch(True)
        assert len(versions) == 2
        assert all(version.shape == (6, 1, 8, 8) for version in versions)
        assert not torch.equal(versions[0], versions[1])
        assert set(positions[:3].tolist()) <= labelled
        seen += positions[3:].tolist()
    # One pass over the others, but for the batch that is not full.
    assert len(set(seen)) == len(seen) == 42
    assert set(seen) <= others


def test_others_learn_from_pseudo_labels_and_never_from_their_own(stripes, monkeypatch):
    job = tuner(stripes)
    others, labelled = job.split.others, job.split.labelled
    assert (job.targets[others] == -1).all()
    given, learned = [], []
    real, entropy = fine_tuning.pseudo_labels, fine_tuning.mixed_entropy

    def wrong(features, known, labels, classes, **options):
        given.append((features.clone(), known, labels, classes, options))
        found = real(features, known, labels, classes, **options)
        return replace(found, labels=(found.labels + 1) % classes)

    def spy(logits, targets, order, share):
        learned.append(targets.clone())
        return entropy(logits, targets, order, share)

    monkeypatch.setattr(fine_tuning, "pseudo_labels", wrong)
    monkeypatch.setattr(fine_tuning, "mixed_entropy", spy)
    while job.epoch < 2:
        job.advance()
    assert all((targets >= 0).all() for targets in learned)
    batches = []
    draw = job._batch
    monkeypatch.setattr(job, "_batch", lambda semi: batches.append(draw(semi)) or batches[-1])
    learned.clear()
    for _ in range(3):
        job.advance()
    images = torch.cat([labelled, others]).sort().values
    features, known, labels, classes, options = given[0]
    truth = real(features, known, labels, classes, **options).labels
    for (positions, _), targets in zip(batches, learned[::2], strict=True):
        assert torch.equal(targets[:3], job.store.labels[positions[:3]])
        at = torch.searchsorted(images, positions[3:])
        assert torch.equal(targets[3:], (truth[at] + 1) % 3)
    assert features.shape == (54, 64)
    assert torch.equal(images[known], labelled)
    assert torch.equal(labels, job.store.labels[labelled])
    assert classes == 3
    assert options == {"neighbours": 5, "alpha": 0.99, "tolerance": 1e-3, "iterations": 30, "rounds": 10}


def test_labels_of_the_others_are_read_for_the_diagnostic_alone(stripes):
    honest, lied_to = tuner(stripes), tuner(stripes)
    lied_to.store.labels[lied_to.split.others] = (lied_to.store.labels[lied_to.split.others] + 1) % 3
    finish(honest)
    finish(lied_to)
    keep = ("accuracy", "loss", "t")
    assert [r for r in lied_to.rows if r["metric"] in keep] == [r for r in honest.rows if r["metric"] in keep]
    right = [[r["value"] for r in job.rows if r["metric"] == "pseudo_label_accuracy"] for job in (honest, lied_to)]
    assert right[0] != right[1]


def test_rates_and_augmentations_of_all_steps(stripes, monkeypatch):
    rates, changed = [], []
    real, step = versions.augment, fine_tuning.NesterovSGD.step

    def augment(images, operations, source, **options):
        changed.append((len(images), operations, options))
        return real(images, operations, source, **options)

    def take(self, rate):
        rates.append(rate)
        step(self, rate)

    monkeypatch.setattr(versions, "augment", augment)
    monkeypatch.setattr(fine_tuning.NesterovSGD, "step", take)
    job = finish(tuner(stripes))
    schedule = job.schedule
    wanted = [schedule.rate(epoch, step) for epoch in range(job.epochs) for step in range(schedule.steps(epoch))]
    assert rates == wanted
    assert [row["value"] for row in job.rows if row["metric"] == "learning_rate"] == [
        schedule.rate(epoch, schedule.steps(epoch) - 1) for epoch in range(job.epochs)
    ]
    options = {"flip": 0.0, "padding": 1}
    semi = [(6, 1, options), (6, 2, options)] * (job.total - 8)
    assert changed == [(12, 1, options)] * 8 + semi


def test_an_infinite_gradient_is_never_saved_nor_written(stripes, tmp_path, monkeypatch):
    real = fine_tuning.NesterovSGD.step

    def spoil(self, rate):
        self.count = getattr(self, "count", 0) + 1
        if self.count == 36:  # the last step
            self.parameters[0].grad.fill_(float("inf"))
        real(self, rate)

    monkeypatch.setattr(fine_tuning.NesterovSGD, "step", spoil)
    with pytest.raises(UserError, match="a weight was not finite in epoch 4 of 4"):
        tune(stripes, tmp_path)
    assert not (tmp_path / "out.csv").exists()


def test_the_search_goes_on_from_the_t_of_the_least_training_loss(stripes):
    job = tuner(stripes, settings({"model": "drl", "t_init": "search", "until": "early"}))
    assert job.total == 3 * 8 + 1 * 14
    losses = {}
    while job.searching:
        candidate = job.candidate
        job.advance()
        if job.step % 4 == 0:
            found = [row for row in job.rows if row["metric"] == "search_loss"]
            losses[(found[-1]["t"], found[-1]["epoch"])] = found[-1]["value"]
            assert found[-1]["t"] == STUDY["search"][candidate]
    assert len(losses) == 3 * 2
    (t, epoch), least = min(losses.items(), key=lambda entry: entry[1])
    assert [row["value"] for row in job.rows if row["metric"] == "t_init"] == [t]
    assert least == losses[(t, epoch)]
    assert job.best.weights == {}, "what is no longer needed is not saved"
    assert job.epoch == 2
    # Alone, that start comes to the same weights: the candidates see the same random numbers.
    alone = tuner(stripes, settings({"t_init": t}))
    while alone.epoch < epoch:
        alone.advance()
    for name, value in alone.network.state_dict().items():
        assert torch.equal(value, job.network.state_dict()[name]), name
    assert torch.equal(alone.optimiser.lone_logit, job.optimiser.lone_logit)
    accuracies = [row["epoch"] for row in finish(job).rows if row["metric"] == "accuracy"]
    assert accuracies == [*range(1, epoch + 1), 3]


def logits_of(job, metric):
    return [row["value"] for row in job.rows if row["metric"] == metric]


def test_t_goes_where_weight_decay_takes_it_and_without_it_nowhere(stripes):
    """Batch normalisation leaves t no gradient: see test_common_t."""
    job = finish(tuner(stripes, settings({"t_init": 0.8}, learning_rate=0.5)))
    alone = logits_of(job, "t_without_gradient")
    assert logits_of(job, "t") == pytest.approx(alone, abs=1e-4)
    assert alone == sorted(alone, reverse=True)
    assert 0.5 < alone[-1] < 0.799
    free = finish(tuner(stripes, settings({"t_init": 0.8, "weight_decay_on_t": False}, learning_rate=0.5)))
    assert logits_of(free, "t_without_gradient") == pytest.approx([0.8] * free.epochs, abs=1e-6)
    assert logits_of(free, "t") == pytest.approx([0.8] * free.epochs, abs=1e-4)


def test_t_is_a_parameter_like_others_where_a_gradient_reaches_it(stripes):
    # Dropout between the shift and its normalisation makes the shift another one for every image.
    job = finish(tuner(stripes, settings({"weight_decay_on_t": False}, dropout=0.5, learning_rate=0.5)))
    assert abs(logits_of(job, "t")[-1] - 0.5) > 1e-4


def test_validation_images_are_held_out_where_they_choose(stripes):
    job = finish(tuner(stripes, settings(select="best_val")))
    held = set(job.store.val.tolist())
    assert held
    assert not held & {*job.split.labelled.tolist(), *job.split.others.tolist()}
    assert [row["epoch"] for row in job.rows if row["metric"] == "validation_accuracy"] == [*range(1, job.epochs + 1)]
    assert not [row for row in finish(tuner(stripes)).rows if row["metric"] == "validation_accuracy"]


def test_solvers_that_stop_early_are_told_of_and_go_on(stripes, capsys):
    job = finish(tuner(stripes, settings(solver_iterations=1, tolerance=1e-9)))
    said = capsys.readouterr().err
    assert "epoch 3: conjugate gradients left 3 classes above the tolerance 1e-09 after 1 iterations" in said
    assert math.isfinite(job.rows[-1]["value"])


def test_a_loss_that_is_not_finite_stops_and_names_the_epoch(stripes, tmp_path):
    with pytest.raises(
        UserError, match=r"fine-tune none on stripes, 12 labels, .* not finite in epoch 1 of 4; .*learning_rate"
    ):
        tune(stripes, tmp_path, settings(learning_rate=1e30))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("arm", "given", "line"),
    [
        ("none", True, "starts from new weights; give no model"),
        ("drl", False, "starts from a model of 'drl'; give it"),
    ],
)
def test_a_model_too_many_or_too_few(stripes, model, tmp_path, arm, given, line):
    chosen = settings({"model": None if arm == "none" else "drl"})
    with pytest.raises(UserError, match=line):
        tune(stripes, tmp_path, chosen, arm, model if given else None)


def test_a_model_of_another_recipe_or_seed(stripes, model, tmp_path):
    with pytest.raises(UserError, match=r"has recipe 'drl', seed 0, not 'vdrl', seed 0; give that one"):
        tune(stripes, tmp_path, settings({"model": "vdrl"}), "vdrl", model)
    with pytest.raises(UserError, match="not 'drl', seed 3"):
        tune(stripes, tmp_path, settings({"model": "drl"}), "drl", model, seed=3)


def test_images_of_another_dataset(stripes, tmp_path):
    with pytest.raises(UserError, match="contains 'stripes'; give the images of 'digits'"):
        tune(stripes, tmp_path, dataset="digits")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["class0/99.png class0"], "no training image is called 'class0/99.png'"),
        (["twice"], "is listed twice"),
    ],
)
def test_label_lists_that_are_wrong(stripes, tmp_path, lines, message):
    files = sorted(ImageStore.open(stripes).training_files())
    good = [f"{name} {name.split('/')[0]}" for name in files[:12]]
    listed = [good[0], *good[:11]] if lines == ["twice"] else [*lines, *good[:11]]
    folder = tmp_path / "12_balanced_labels"
    folder.mkdir()
    (folder / "12.txt").write_text("\n".join(listed) + "\n")
    chosen = settings().model_copy(update={"label_list": str(tmp_path)})
    with pytest.raises(UserError, match=message):
        tune(stripes, tmp_path, chosen)
