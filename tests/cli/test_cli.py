"""The command line as a user types it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from drl.cli.main import cli
from tests import tiny

ROOT = Path(__file__).resolve().parents[1]


def drl(*words, cwd=ROOT):
    run = subprocess.run(
        [sys.executable, "-m", "drl", *map(str, words)], capture_output=True, text=True, cwd=cwd, check=False
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_has_help(command):
    code, out, _ = drl(command, "--help")
    assert code == 0
    assert "Usage:" in out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["pretrian"], "drl: No such command 'pretrian'. Did you mean 'pretrain'?"),
        (["pretrain", "--dataset", "digits"], "drl: Missing option '--recipe'"),
        (["pretrain", "--dataset", "digit", "--recipe", "drl"], "drl: unknown dataset 'digit'; did you mean 'digits'?"),
        (["pretrain", "--dataset", "digits", "--recipe", "dlr"], "unknown recipe 'dlr'; did you mean 'drl'?"),
        (["pretrain", "--dataset", "digits", "--recipe", "drl", "--seed", "x"], "drl: Invalid value for '--seed'"),
        (["pretrain", "--dataset", "digits", "--recipe", "drl", "--settings", "{"], "drl: --settings: is not JSON"),
        (["describe", "drl", "--scale", "lit"], "drl: --scale: unknown name 'lit'; did you mean 'lite'?"),
        (["table", "figure_4"], "drl: figure_4 is drawn by another command; type `drl figure figure_4`"),
        (["describe", "drl", "--set", "sede=1"], "drl: config: unknown key 'sede'; did you mean 'seeds'?"),
        (["table", "7"], "drl: unknown item 'table_7'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(words, line):
    code, out, err = drl(*words)
    assert code == 2
    assert line in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""


def test_describe_prints_the_papers_sizes():
    code, out, _ = drl("describe", "vdrl", "--scale", "paper")
    assert code == 0
    for number in ("831,571", "107,328", "1,567,179"):
        assert number in out
    assert re.search(r"^method\.kl_weight +1\.0e-05 +config/recipes/codes_128d\.yaml: vdrl$", out, flags=re.M)
    assert "353,907" in drl("describe", "ae", "--scale", "paper")[1]


@pytest.mark.parametrize("recipe", ["cdae_vp", "vae", "dae", "simclr", "simclr_gauss", "vdrl_8d", "ae_8d-lambda0.001"])
def test_every_kind_of_recipe_can_be_described(recipe):
    code, out, err = drl("describe", recipe, "--scale", "paper")
    assert code == 0, err
    assert "training step" in out


def test_the_corridor_by_hand(tmp_path):
    """prepare, pretrain, probe, figure, verify: each one command, in an empty folder."""
    tiny.write_folder(tmp_path / "stripes")
    own = {
        "dataset": "stripes",
        "seeds": [0],
        "datasets": {
            "stripes": {
                "title": "Stripes",
                "source": "image_folder",
                "folder": "stripes",
                "classes": 3,
                "channels": 1,
                "image_size": 8,
                "train": 30,
                "test": 6,
                "validation": 6,
            }
        },
        "recipes": {"drl": {"iterations": 3, "batch_size": 8}},
        "studies": {"probe": {"t": [0.0, 1.0], "label_budgets": [6, 9, 12, "all"], "epochs": 1, "seeds": [0]}},
        "items": {"figure_4": {"recipes": ["drl"]}, "code_usage": {"recipes": ["drl"]}},
    }
    (tmp_path / "own.yaml").write_text(json.dumps(own))
    config = ("--scale", "demo", "--configfile", "own.yaml")
    model = ("--dataset", "stripes", "--recipe", "drl", "--threads", "1")
    for words in (
        ("prepare", "--dataset", "stripes"),
        ("pretrain", *model),
        ("probe", *model),
        ("figure", "4"),
        ("figure", "code_usage"),
    ):
        code, _, err = drl_elsewhere(tmp_path, *words, *config)
        assert code == 0, err
    assert (tmp_path / "results/demo/figures/figure_4.png").stat().st_size > 1000
    code, out, err = drl_elsewhere(tmp_path, "verify", "results/demo", *config)
    assert (code, out.strip()) == (0, "results/demo: all results are whole and up to date"), out + err
    copied = tmp_path / "elsewhere" / "demo"
    shutil.copytree(tmp_path / "results/demo", copied)
    code, out, err = drl_elsewhere(tmp_path, "verify", "elsewhere/demo", *config)
    assert code == 0, "a folder of results may be copied as a whole: " + out + err
    (copied / "figures/figure_4.svg.json").unlink()
    (copied / "data/stripes/images.safetensors").write_bytes(b"x")
    _, out, _ = drl_elsewhere(tmp_path, "verify", "elsewhere/demo", *config)
    assert "figure_4.svg: has no run card" in out
    assert "images.safetensors: was changed after it was made" in out
    assert (
        "images.safetensors: is not what elsewhere/demo/models/stripes/drl/seed0/model.safetensors.json was made from"
        in out
    )
    metrics = tmp_path / "results/demo/metrics/probe/stripes/drl/seed0.csv"
    metrics.write_text(metrics.read_text().replace(",6\n", ",7\n"))
    code, out, _ = drl_elsewhere(tmp_path, "verify", "results/demo", *config, "--set", "studies.probe.epochs=2")
    assert code == 1
    assert "seed0.csv: was changed after it was made" in out
    assert "made with other settings (probe.epochs was 1, now 2)" in out


def test_samples_of_ones_own_images(tmp_path, stripes):
    """Sample needs no configuration but the one that its model's recipe stands in."""
    settings = json.dumps(tiny.settings("drl").slice())
    model = tmp_path / "model.safetensors"
    name = ("--dataset", "digits", "--recipe", "drl", "--threads", "1")
    folder = tiny.write_folder(tmp_path / "own") / "class1"
    code, _, err = drl("pretrain", *name, "--images", stripes, "--out", model, "--settings", settings)
    assert code == 2, "the images are of another dataset"
    assert "stripes" in err
    name = ("--dataset", "stripes", "--recipe", "drl", "--threads", "1", "--scale", "demo")
    code, _, err = drl("pretrain", *name, "--images", stripes, "--out", model, "--settings", settings)
    assert code == 0, err
    words = ("sample", "--model", model, "--images", folder, "--samples", "2", "--steps", "3", "--threads", "1")
    code, _, err = drl(*words, "--out", tmp_path / "grid.png")
    assert code == 2
    assert "unknown dataset 'stripes'" in err
    assert "give the --configfile that it was trained with" in err
    about = {"title": "Stripes", "source": "image_folder", "folder": str(folder.parent), "classes": 3, "channels": 1}
    own = {"datasets": {"stripes": about | {"image_size": 8, "train": 30, "test": 6, "validation": 6}}}
    (tmp_path / "own.yaml").write_text(json.dumps(own))
    code, _, err = drl(*words, "--out", tmp_path / "grid.png", "--configfile", tmp_path / "own.yaml")
    assert code == 0, err
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size == (3 * tiny.SIZE, 12 * tiny.SIZE)
    code, _, err = drl(*words, "--out", tmp_path / "grid.png", "--configfile", tmp_path / "own.yaml", "--t-init", "1.5")
    assert code == 2
    assert "t_init is 1.5; it must be above 0 and at most 1" in err
    again = (*words, "--out", tmp_path / "mean.png", "--configfile", tmp_path / "own.yaml", "--prior", "mean_image")
    code, _, err = drl(*again)
    assert (code, err.count("\n")) == (2, 1), err
    assert "give --training-images, the images.safetensors that the model was trained on" in err
    code, _, err = drl(*again, "--training-images", stripes)
    assert code == 0, err
    assert (tmp_path / "mean.png").read_bytes() != (tmp_path / "grid.png").read_bytes()


def drl_elsewhere(folder, *words):
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from drl.cli.main import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), *words], capture_output=True, text=True, cwd=folder, check=False
    )
    return run.returncode, run.stdout, run.stderr
