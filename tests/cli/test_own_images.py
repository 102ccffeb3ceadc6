"""Commands on one's own images, in a process of their own."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from drl.api.example import FOLDER
from drl.cli.main import cli
from drl.cli.options import ModelFile
from drl.cli.own_images import _times
from drl.errors import UserError
from drl.pipeline.own_images import dataset_name
from tests.recipes import recipes_set
from tests.workflow.conftest import ROOT

TINY = (
    recipes_set({"drl": {"score": {"nf": 4, "channel_multipliers": [1, 1]}}}, iterations=2, batch_size=8),
    "studies.code_usage={images: 4, times: 1}",
    "studies.study.image_size=8",
)


def option_of(command, name):
    return next((option for option in command.params if name in option.opts), None)


@pytest.fixture
def drl(tmp_path):
    """Runs `drl` in an empty folder with a folder of images, pets."""
    noise = np.random.default_rng(0)
    for k in range(16):
        path = tmp_path / "pets" / f"class{k % 2}" / f"{k}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (9, 9), dtype=np.uint8)).save(path)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DRL_DATA": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    environment.pop("DRL_ORIGINS", None)

    def run(*words):
        command = [sys.executable, "-m", "drl", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_folder_is_a_dataset_for_commands_by_hand_too(drl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, sets = dataset_name("pets"), [word for setting in TINY for word in ("--set", setting)]
    for words in (("prepare",), ("pretrain", "--recipe", "drl", "--threads", "1")):
        run = drl(*words, "--dataset", "pets", *sets)
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "results/demo/data" / name / "images.safetensors").is_file()
    model = tmp_path / "results/demo/models" / name / "drl/seed0/model.safetensors"
    run = drl("encode", "--model", str(model), "--images", "pets", "--t", "0,1", "--t", "0.5", "--out", "codes.npy")
    assert run.returncode == 0, run.stderr
    assert np.load(tmp_path / "codes.npy").shape[:2] == (16, 3)
    # The folder that `drl export` writes is as good as its file, and the command says what to do with it.
    run = drl("export", "--model", str(model.parent), "--out", "share", "--encoder-only")
    assert run.returncode == 0, run.stderr
    assert run.stdout == (
        "share: encoder.safetensors, its settings and run cards; read the model card, README.md, before you share it, "
        "and load it in Python with drl.load('share')\n"
    )
    run = drl("encode", "--model", "share", "--images", "pets", "--t", "0,1", "--t", "0.5", "--out", "again.npy")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "codes.npy").read_bytes()
    run = drl("sample", "--model", "share", "--images", "pets/class0", "--out", "grid.png")
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert "share: holds only an encoder" in run.stderr
    run = drl("verify", "results/demo", *sets)
    assert (run.returncode, run.stdout) == (0, "results/demo: all results are whole and up to date\n"), run.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("prepare", "--dataset", "pets/none"), "does not exist or is not a folder"),
        (("prepare", "--dataset", "pets/class0"), "holds no class folders"),
        (("study", "few_shot", "--dataset", "pets"), "13 training images, and recipe 'drl_best'"),
        (("encode", "--model", "none", "--images", "pets", "--out", "x.npy"), "there is no such model"),
        (("encode", "--model", "none", "--images", "pets", "--out", "x.npy", "--t", "2"), "--t 2: give numbers"),
        (("export", "--model", "none", "--out", "x"), "there is no such model"),
        (("encode", "--model", "pets", "--images", "pets", "--out", "x.npy"), "or the folder of drl export"),
        (("export", "--model", str(FOLDER), "--out", "x"), "cannot be exported again; give the whole model"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(drl, words, said):
    run = drl(*words)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("drl: ")
    assert said in line


def test_samples_of_an_exported_folder(drl, tmp_path):
    words = ("--images", "pets/class0", "--samples", "1", "--steps", "3", "--threads", "1")
    for name, model in (("folder", FOLDER), ("file", FOLDER / "model.safetensors")):
        run = drl("sample", "--model", str(model), *words, "--out", f"{name}.png")
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "folder.png").read_bytes() == (tmp_path / "file.png").read_bytes()


@pytest.mark.parametrize("command", [name for name, command in cli.commands.items() if option_of(command, "--model")])
def test_every_command_with_a_model_takes_its_folder(command):
    assert isinstance(option_of(cli.commands[command], "--model").type, ModelFile)


def test_times_are_lists_or_repeated():
    assert _times(("0,0.5", "1")) == [0.0, 0.5, 1.0]
    assert _times((" 0.25 ",)) == [0.25]
    for words, said in ((("0.5,0.5",), "given twice"), (("",), "give numbers"), (("nan",), "give numbers")):
        with pytest.raises(UserError, match=said):
            _times(words)
