"""Whole trainings: interruption and resumption are tested by killing real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from drl.data.store import ImageStore
from drl.errors import Unfinished, UserError
from drl.jobs.device import place
from drl.methods.build import build_method
from drl.models.model_file import load_model, load_snapshots
from drl.records.metrics import read_metrics
from drl.training.loop import Training, training_images
from drl.training.pretrain import run
from drl.training.seeds import stream_seed
from tests import tiny

FILES = ("model.safetensors", "snapshots.safetensors", "loss.csv", "code_usage.csv")


def train(images, folder, kind="drl", seed=0, **changes):
    run(tiny.training(images, folder / "model.safetensors", kind, seed=seed, **changes))
    return folder


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_equal_seeds_give_equal_files_and_other_seeds_do_not(stripes, tmp_path, kind):
    one, two, other = (train(stripes, tmp_path / name, kind, seed) for name, seed in (("1", 4), ("2", 4), ("3", 5)))
    for name in FILES:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_what_is_written(stripes, tmp_path):
    folder = train(stripes, tmp_path)
    card = json.loads((folder / "model.safetensors.json").read_text())
    assert set(card["outputs"]) == set(FILES)
    for key in ("settings", "code_digest", "git", "versions", "inputs", "device", "precision", "threads", "seed"):
        assert key in card
    assert card["images_per_second"] > 0
    assert card["graphs"] is False  # a CPU has none
    assert card["peak_memory_bytes"] > 10**7
    assert not list((folder / "states").rglob("*.safetensors")), "the state is removed after success"
    losses = read_metrics(folder / "loss.csv")
    assert [row["step"] for row in losses if row["metric"] == "loss"] == [str(k) for k in range(1, 13)]
    usage = read_metrics(folder / "code_usage.csv")
    assert {(row["step"], row["t"]) for row in usage} == {(s, t) for s in ("6", "12") for t in ("0.2", "0.8")}
    by_metric = {row["metric"]: float(row["value"]) for row in usage if (row["step"], row["t"]) == ("12", "0.8")}
    assert by_metric["code_worth"] == pytest.approx(by_metric["loss_other_code"] - by_metric["loss_own_code"])


def test_model_file_holds_raw_and_averaged_weights_by_name(stripes, tmp_path):
    tensors = load_file(train(stripes, tmp_path) / "model.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"encoder", "encoder_ema", "score", "score_ema"}
    moved = [
        n for n in tensors if n.startswith("score.") and not torch.equal(tensors[n], tensors["score_ema." + n[6:]])
    ]
    assert moved


@pytest.mark.parametrize("codes_from", ["raw", "ema"])
def test_snapshots_are_the_encoder_untrained_and_at_even_steps(stripes, tmp_path, codes_from):
    folder = train(stripes, tmp_path, codes_from=codes_from)
    store = ImageStore.open(stripes)
    images, t = store.images[:4], torch.full((4,), 0.5)
    codes = {step: method.encode(images, t) for step, method in load_snapshots(folder / "snapshots.safetensors")}
    assert list(codes) == [0, 6, 12]
    assert torch.equal(codes[12], load_model(folder / "model.safetensors").encode(images, t))
    torch.manual_seed(stream_seed(0, "weights"))
    fresh = build_method(tiny.recipe(codes_from=codes_from), tiny.FACTS, store.mean, store.std).eval()
    assert torch.equal(codes[0], fresh.encode(images, t).detach())
    assert not torch.equal(codes[6], codes[12])


def test_training_images_are_flipped_only_where_the_recipe_says_so(stripes, monkeypatch):
    store = ImageStore.open(stripes)
    for wanted in (False, True):
        settings = tiny.settings(horizontal_flip=wanted)
        training = Training(tiny.method(), store, place("cpu", "fp32", "off", 1), settings, 0)
        seen = []
        real = training.method.loss
        monkeypatch.setattr(
            training.method, "loss", lambda batch, g, real=real, seen=seen: seen.append(batch) or real(batch, g)
        )
        order = []
        draw = training.sampler.next
        monkeypatch.setattr(training.sampler, "next", lambda draw=draw, order=order: order.append(draw()) or order[-1])
        for _ in range(4):
            training.advance()
        kinds = set()
        for batch, positions in zip(seen, order, strict=True):
            for image, original in zip(batch.images, store.images[positions], strict=True):
                assert torch.equal(image, original) or torch.equal(image, original.flip(2))
                kinds.add(torch.equal(image, original))
        assert kinds == ({True, False} if wanted else {True})


def test_load_model_gives_the_trained_codes_and_the_choice_of_weights(stripes, tmp_path):
    path = train(stripes, tmp_path) / "model.safetensors"
    store = ImageStore.open(stripes)
    images, t = store.images[:4], torch.full((4,), 0.5)
    raw, averaged = load_model(path), load_model(path, weights="ema")
    assert not raw.training
    assert torch.equal(raw.encode(images, t), load_model(path, weights="raw").encode(images, t))
    assert not torch.equal(raw.encode(images, t), averaged.encode(images, t))
    with pytest.raises(UserError, match="no such model"):
        load_model(tmp_path / "none.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize(
    ("kind", "stop", "precision"),
    [
        *(
            (kind, stop, precision)
            for kind in ("drl", "vdrl")
            for stop, precision in ((1, "fp32"), (5, "bf16"), (11, "fp32"))
        ),
        *((kind, 7, "fp32") for kind in tiny.KINDS if kind not in ("drl", "vdrl")),
    ],
)
def test_stopped_and_resumed_is_uninterrupted_bit_for_bit(stripes, tmp_path, monkeypatch, kind, stop, precision):
    resources = replace(tiny.RESOURCES, precision=precision)
    whole = train(stripes, tmp_path / "whole", kind, resources=resources)
    with monkeypatch.context() as patched:
        tiny.stop_after(stop, patched)
        with pytest.raises(Unfinished, match=f"step {stop} of 12"):
            train(stripes, tmp_path / "parts", kind, resources=resources)
    assert list((tmp_path / "parts" / "states").rglob("loss.csv")), "an unfinished training can be watched"
    assert list((tmp_path / "parts" / "states").rglob("state.safetensors"))
    parts = train(stripes, tmp_path / "parts", kind, resources=resources)
    for name in FILES:
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name


@pytest.mark.parametrize("stop", [4, 8])
def test_an_interruption_between_two_rows_of_the_loss_curve(stripes, tmp_path, monkeypatch, stop):
    """Parts of the loss are summed over three steps; the state holds the sums, in an order of its own."""
    from drl.training import loop

    monkeypatch.setattr(loop, "LOG_ROWS", 4)
    whole = train(stripes, tmp_path / "whole")
    with monkeypatch.context() as patched:
        tiny.stop_after(stop, patched)
        with pytest.raises(Unfinished):
            train(stripes, tmp_path / "parts")
    parts = train(stripes, tmp_path / "parts")
    assert (whole / "loss.csv").read_bytes() == (parts / "loss.csv").read_bytes()


SMALL_CODES = {
    "pixels": "unit",
    "centre_inputs": True,
    "horizontal_flip": True,
    "codes_from": "ema",
    "encoder": {"kind": "unet", "code_size": 2, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1, "time": True}
    | {"attention_resolutions": [], "fir": True, "head": "wide"},
    "score": tiny.SCORE | {"code_path": "dense_map", "fir": True},
    "optimiser": {"schedule": "cosine", "warmup_steps": 2},
}
STAND_ALONE = {
    "method": {"kind": "vae", "dequantise": True},
    "pixels": "unit",
    "encoder": {"kind": "convolutional", "code_size": 2},
    "decoder": {"kind": "convolutional"},
}


@pytest.mark.parametrize(("kind", "changes"), [("vdrl", SMALL_CODES), ("vae", STAND_ALONE)])
def test_every_option_survives_an_interruption(stripes, tmp_path, monkeypatch, kind, changes):
    """Averaged snapshots, flips, the cosine schedule, dequantised pixels, the networks of the small-code models."""
    whole = train(stripes, tmp_path / "whole", kind, **changes)
    with monkeypatch.context() as patched:
        tiny.stop_after(8, patched)
        with pytest.raises(Unfinished):
            train(stripes, tmp_path / "parts", kind, **changes)
    parts = train(stripes, tmp_path / "parts", kind, **changes)
    for name in FILES:
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name


def test_killed_at_any_moment_and_run_again_is_uninterrupted_bit_for_bit(stripes, tmp_path):
    """Kill -9 a real process several times, each time after it has saved anew."""
    whole = train(stripes, tmp_path / "whole", iterations=200)
    code = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from drl.training.pretrain import run\nfrom tests import tiny\n"
        "resources = replace(tiny.RESOURCES, save_minutes=1e-3)\n"
        "run(tiny.training(Path(sys.argv[1]), Path(sys.argv[2]), resources=resources, iterations=200))\n"
    )
    parts = tmp_path / "parts"
    kills = 0
    for _ in range(50):
        process = subprocess.Popen(
            [sys.executable, "-c", code, stripes, parts / "model.safetensors"], stderr=subprocess.PIPE
        )
        if kills < 3:
            if kills == 1:
                time.sleep(0.5)  # in the middle of starting: before anything is read or saved
            else:
                wait_for_new_state(parts / "states", process)
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=600)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
    assert kills == 3, "the training ended before it could be killed three times"
    for name in FILES:
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name


def wait_for_new_state(folder: Path, process: subprocess.Popen) -> None:
    def stamps():
        return {(str(p), p.stat().st_mtime_ns) for p in folder.rglob("state.safetensors")}

    before, end = stamps(), time.monotonic() + 60
    while stamps() == before and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)


def test_wall_clock_budget_saves_and_stops(stripes, tmp_path):
    resources = replace(tiny.RESOURCES, wall_clock_minutes=1e-9)
    for _ in range(12):
        try:
            train(stripes, tmp_path / "parts", resources=resources)
            break
        except Unfinished:
            continue
    whole = train(stripes, tmp_path / "whole")
    for name in FILES:
        assert (whole / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_sigterm_saves_and_stops(stripes, tmp_path, monkeypatch):
    real = Training.advance

    def advance(self):
        real(self)
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Training, "advance", advance)
    with pytest.raises(Unfinished, match="step 3 of 12"):
        train(stripes, tmp_path)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


class InfiniteGradient(torch.autograd.Function):
    """The identity, whose gradient is infinite."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * float("inf")


@pytest.mark.parametrize("spoil", [lambda loss: loss * float("nan"), InfiniteGradient.apply], ids=["loss", "gradient"])
def test_what_is_not_finite_names_step_and_recipe_and_keeps_the_last_good_state(stripes, tmp_path, monkeypatch, spoil):
    from drl.methods.conditional import ConditionalScoreMatching as Conditional

    real, calls = Conditional.loss, []

    def loss(self, batch, generator):
        value, parts = real(self, batch, generator)
        calls.append(0)
        return (spoil(value) if len(calls) == 7 else value), parts

    monkeypatch.setattr(Conditional, "loss", loss)
    with pytest.raises(UserError, match=r"drl on stripes, seed 0: the loss or its .* not finite at step 7 of 12"):
        train(stripes, tmp_path, resources=replace(tiny.RESOURCES, save_minutes=1e-9))
    (state,) = (tmp_path / "states").rglob("state.safetensors")
    monkeypatch.undo()
    train(stripes, tmp_path)  # goes on from the good state
    assert not state.exists()
    assert (train(stripes, tmp_path / "whole") / "model.safetensors").read_bytes() == (
        tmp_path / "model.safetensors"
    ).read_bytes()


def test_a_state_saved_with_other_threads_is_refused(stripes, tmp_path):
    with pytest.raises(Unfinished):
        train(stripes, tmp_path, resources=replace(tiny.RESOURCES, wall_clock_minutes=1e-9))
    try:
        with pytest.raises(UserError, match="threads 1 but this run has 2"):
            train(stripes, tmp_path, resources=replace(tiny.RESOURCES, threads=2))
    finally:
        torch.set_num_threads(1)


def test_a_subset_is_the_listed_one_where_there_are_lists(stripes, tmp_path):
    store = ImageStore.open(stripes)
    files = store.training_files()
    listed = sorted(files)[:6]
    (tmp_path / "6_balanced_labels").mkdir()
    lines = [f"{name} {name.split('/')[0]}" for name in listed]
    (tmp_path / "6_balanced_labels" / "10.txt").write_text("\n".join(lines))
    found = training_images(tiny.recipe(train_images=6, batch_size=4), store, str(tmp_path))
    assert found.tolist() == sorted(files[name] for name in listed)


def test_a_subset_of_the_training_images_is_balanced_and_the_same_for_every_seed(stripes):
    store = ImageStore.open(stripes)
    chosen = training_images(tiny.recipe(train_images=9, hold_out_validation=True), store)
    assert torch.bincount(store.labels[chosen]).tolist() == [3, 3, 3]
    assert not torch.isin(chosen, store.val).any()
    assert torch.isin(chosen, store.train).all()
    assert torch.equal(training_images(tiny.recipe(), store), store.train)


def test_images_of_another_dataset_are_refused_before_anything_is_made(stripes, tmp_path):
    out, states = tmp_path / "out" / "model.safetensors", tmp_path / "states"
    with pytest.raises(UserError, match=r"holds 'stripes'; give the images of 'digits'$") as caught:
        run(tiny.training(stripes, out, dataset="digits", states=states))
    assert str(stripes) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.parent.exists()
    assert not states.exists()


def test_held_out_validation_images_are_never_trained_on(stripes):
    store = ImageStore.open(stripes)
    placement = place("cpu", "fp32", "off", 1)
    training = Training(tiny.method(), store, placement, tiny.settings(hold_out_validation=True, batch_size=4), 0)
    seen = {int(k) for _ in range(40) for k in training.sampler.next()}
    assert seen == set(store.train.tolist()) - set(store.val.tolist())


def test_training_learns(stripes, tmp_path):
    folder = train(stripes, tmp_path, iterations=250, batch_size=16)
    losses = [float(row["value"]) for row in read_metrics(folder / "loss.csv") if row["metric"] == "denoising"]
    # At first the network is silent, so the loss is half the number of pixels.
    assert losses[0] == pytest.approx(tiny.SIZE**2 / 2, rel=0.15)
    assert sum(losses[-20:]) / 20 < 0.8 * losses[0]


def test_a_weight_that_overflows_at_the_last_step_is_not_saved(stripes, tmp_path):
    # Loss and gradient of the only step are finite; what the step makes of the weights is not.
    changes = {"iterations": 1, "optimiser": {"learning_rate": 3e38, "warmup_steps": 0}}
    with pytest.raises(UserError, match="not finite after step 1"):
        run(tiny.training(stripes, tmp_path / "model.safetensors", **changes))
    assert not (tmp_path / "model.safetensors").exists()
