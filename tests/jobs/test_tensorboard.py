"""Scalars for TensorBoard: they say what the CSV files say, each once, and change nothing."""

import csv
import shutil
import sys
from contextlib import nullcontext

import pytest

from drl.cli.main import main
from drl.config.jobs import PretrainJob
from drl.errors import Unfinished, UserError
from drl.jobs.tensorboard import check_installed, tensorboard
from drl.pipeline.configuration import resolve
from drl.training import loop, pretrain
from tests import tiny

FILES = ("model.safetensors", "snapshots.safetensors", "loss.csv", "code_usage.csv")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return tiny.images(tmp_path_factory.mktemp("stripes"))


@pytest.fixture
def events():
    """Return a function that reads the scalars below a folder: for each tag, the steps and the values."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

    def read(folder):
        found = reader.EventAccumulator(str(folder), size_guidance={reader.SCALARS: 0}).Reload()
        return {tag: {e.step: e.value for e in found.Scalars(tag)} for tag in found.Tags()["scalars"]}, {
            tag: len(found.Scalars(tag)) for tag in found.Tags()["scalars"]
        }

    return read


def train(images, folder, watched=True):
    job = tiny.training(images, folder / "model.safetensors")
    with tensorboard(folder / "events") if watched else nullcontext():
        pretrain.run(job)
    return folder


def stopped(images, folder, step, monkeypatch):
    with monkeypatch.context() as patched:
        tiny.stop_after(step, patched)
        with pytest.raises(Unfinished):
            train(images, folder)


def test_scalars_are_those_of_the_curves_and_the_files_stay_the_same(stripes, tmp_path, monkeypatch, events):
    monkeypatch.setattr(loop, "LOG_ROWS", 4)
    plain, watched = train(stripes, tmp_path / "plain", watched=False), train(stripes, tmp_path / "watched")
    for name in FILES:
        assert (plain / name).read_bytes() == (watched / name).read_bytes(), name
    assert not (plain / "events").exists()
    values, counts = events(watched / "events")
    rows = list(csv.DictReader((watched / "loss.csv").open()))
    for metric in {row["metric"] for row in rows}:
        expected = {int(row["step"]): float(row["value"]) for row in rows if row["metric"] == metric}
        assert values[metric] == pytest.approx(expected)
    assert set(values["code_worth/t=0.8"]) == {6, 12}
    # Two steps of warm-up: the first rate is 0, and all rows are after it.
    assert values["learning_rate"] == pytest.approx(dict.fromkeys((3, 6, 9, 12), 1e-3))
    assert set(values["gradient_norm"]) == {3, 6, 9, 12}
    assert all(value > 0 for value in values["gradient_norm"].values())
    assert set(counts.values()) == {4, 2}
    assert pretrain.Training is loop.Training


def test_the_norm_is_the_mean_of_the_steps_since_the_last_rows(stripes, tmp_path, monkeypatch, events):
    single, _ = events(train(stripes, tmp_path / "single") / "events")
    monkeypatch.setattr(loop, "LOG_ROWS", 4)
    grouped, _ = events(train(stripes, tmp_path / "grouped") / "events")
    norms = [single["gradient_norm"][step] for step in range(1, 13)]
    means = {last: sum(norms[last - 3 : last]) / 3 for last in (3, 6, 9, 12)}
    assert grouped["gradient_norm"] == pytest.approx(means, rel=1e-5)


def test_a_resumed_training_writes_no_step_twice(stripes, tmp_path, monkeypatch, events):
    whole, _ = events(train(stripes, tmp_path / "whole") / "events")
    parts = tmp_path / "parts"
    stopped(stripes, parts, 5, monkeypatch)
    shutil.copytree(parts / "states", tmp_path / "saved")
    stopped(stripes, parts, 3, monkeypatch)
    # As if the process had been killed at step 8, with the state of step 5.
    shutil.rmtree(parts / "states")
    shutil.copytree(tmp_path / "saved", parts / "states")
    train(stripes, parts)
    assert len(list((parts / "events").iterdir())) == 3
    values, counts = events(parts / "events")
    assert values == whole
    assert counts["loss"] == counts["gradient_norm"] == 12


def test_a_training_that_begins_again_hides_what_was_written_before(stripes, tmp_path, monkeypatch, events):
    stopped(stripes, tmp_path / "again", 5, monkeypatch)
    shutil.rmtree(tmp_path / "again" / "states")
    _, counts = events(train(stripes, tmp_path / "again") / "events")
    assert counts["loss"] == 12


def test_a_missing_package_is_one_line_before_anything_is_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", "digits", "--recipe", "drl", "--scale", "demo", "--set", "run.tensorboard=true"]
    monkeypatch.setattr(sys, "argv", ["drl", "pretrain", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "needs the package tensorboard" in line
    assert "pip install 'drl[tensorboard]'" in line
    assert not list(tmp_path.iterdir())
    check_installed(resolve("demo").run)  # off: nothing is needed


def test_a_package_that_cannot_be_imported_is_one_line_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match="cannot import tensorboard"), tensorboard(tmp_path):
        pass


def test_the_command_puts_the_scalars_beside_the_logs(stripes, tmp_path, monkeypatch, events):
    """They lie where `drl verify` expects no results, and no setting of the job tells of them."""
    off, on = resolve("demo"), resolve("demo", sets=["run.tensorboard=true"])
    assert on.run.tensorboard
    assert not off.run.tensorboard
    assert "tensorboard" not in str(PretrainJob.model_fields)
    monkeypatch.chdir(tmp_path)
    small = ["run.tensorboard=true"]
    small += ["recipes.drl={iterations: 2, batch_size: 8}", "studies.code_usage={images: 8, times: 1}"]
    sets = [word for one in small for word in ("--set", one)]
    for words in (["prepare"], ["pretrain", "--recipe", "drl", "--threads", "1"]):
        monkeypatch.setattr(sys, "argv", ["drl", *words, "--dataset", "digits", "--scale", "demo", *sets])
        main()
    values, _ = events("results/demo/logs/tensorboard/digits/drl/seed0")
    assert set(values["loss"]) == {1, 2}
    monkeypatch.setattr(sys, "argv", ["drl", "verify", "results/demo", "--scale", "demo", *sets])
    main()
