"""The model and the images that come with the package."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import drl
from drl.api.example import BETWEEN, COUNT, FOLDER, ROWS, example_picture, in_terminal
from tests.cards import read_card

ROOT = Path(drl.__file__).parents[1]


@pytest.fixture(scope="module")
def picture():
    return example_picture()


def rows_of(picture, side):
    """Return the images of a picture, float64 [rows, COUNT, side, side]."""
    framed = np.pad(picture, ((0, BETWEEN), (0, BETWEEN))).reshape(ROWS, side + BETWEEN, COUNT, side + BETWEEN)
    return framed.swapaxes(1, 2)[:, :, :side, :side].astype(float)


def test_it_is_small_and_has_its_cards():
    assert (FOLDER / "model.safetensors").stat().st_size < 1.3e6
    card = read_card(FOLDER / "training.json")
    model, images = drl.example()
    assert (card["scale"], card["recipe"], model.dataset) == ("lite", "vdrl_edm", card["dataset"])
    assert images.shape == (COUNT, 28, 28, 1)
    assert read_card(FOLDER / "model.safetensors.json")["settings"] == {"kept": "used"}
    assert model.recipe.method.kind in (FOLDER / "README.md").read_text()


def test_samples_from_the_codes_resemble_their_own_image_most(picture):
    images, *samples = rows_of(picture, drl.example()[0].image_size)
    for drawn in samples:
        distance = np.abs(drawn[:, None] - images[None]).mean((2, 3))
        # A dress may look like the next shirt.
        assert (distance.argmin(1) == np.arange(COUNT)).sum() >= 8
    assert not np.array_equal(*samples)


@pytest.mark.parametrize(("width", "images"), [(149, 10), (148, 9), (80, 5), (3, 1)])
def test_a_terminal_shows_the_images_that_fit(picture, width, images):
    text = in_terminal(picture, width)
    lines = text.plain.splitlines()
    assert len(lines) == picture.shape[0] / 2
    assert {len(line) for line in lines} == {images * 15 - 1}
    screen = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=200)
    screen.print(text)
    top, bottom = picture[4, 5], picture[5, 5]
    wanted = f"38;2;{top};{top};{top};48;2;{bottom};{bottom};{bottom}m"
    assert wanted in screen.file.getvalue()


def drl_in(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "drl", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_command_writes_the_picture_and_spares_other_files(tmp_path, picture):
    run = drl_in(tmp_path, "example", "--out", "a.png")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.endswith("a.png has all of them.\n")
    with Image.open(tmp_path / "a.png") as drawn:
        assert np.array_equal(np.asarray(drawn)[::6, ::6], picture)
    assert read_card(tmp_path / "a.png.json")["command"] == "example"
    (tmp_path / "b.png.json").write_text("{}")
    run = drl_in(tmp_path, "example", "--out", "b.png")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert (tmp_path / "b.png.json").read_text() == "{}"


def test_the_command_says_what_it_needs(tmp_path):
    run = drl_in(tmp_path, "example", "--out", "x.svg")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "drl: x.svg: the picture is a PNG; give a name that ends in .png\n"
    run = drl_in(tmp_path, "example")
    assert (run.returncode, run.stderr) == (0, "")
    assert "drl example --out example.png" in run.stdout
    assert not list(tmp_path.iterdir())
