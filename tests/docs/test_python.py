"""The examples in Python of the README and of docs/python.md run as they stand, each page from top to bottom."""

import shutil
import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_files

from drl.api.example import FOLDER
from tests.docs.conftest import DOCS, ROOT, blocks

PHOTOS = 6  # of each class; the page says that five are enough


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a model and photos, as the pages describe it."""
    shutil.copy(FOLDER / "model.safetensors", tmp_path)
    noise = np.random.default_rng(0)
    for name, low, high in (("cat", 0, 128), ("dog", 128, 256)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        (tmp_path / "photos" / name / ".DS_Store").write_text("no image")
        for number in range(1, PHOTOS + 1):
            pixels = noise.integers(low, high, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.jpg")
    monkeypatch.chdir(tmp_path)


def run(page):
    """Run a page's blocks of Python as one program, and return its variables."""
    names = {}
    for block in blocks(page):
        if block.language == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                exec(compile(block.text, page.name, "exec"), names)
    return names


@pytest.mark.usefixtures("place")
def test_the_readme_runs():
    names = run(ROOT / "README.md")
    assert names["codes"].shape == (10, 64)


@pytest.mark.usefixtures("place")
def test_the_page_on_python_runs(capsys):
    names = run(DOCS / "python.md")
    assert names["labels"] == ["cat"] * PHOTOS + ["dog"] * PHOTOS
    assert names["codes"].shape == (2 * PHOTOS, 3 * 64)
    assert len(names["scores"]) == 5
    # Dark cats and bright dogs: any code tells them apart.
    assert names["scores"].mean() == 1
    assert capsys.readouterr().out == "accuracy 100 %\n['cat']\n"


@pytest.mark.usefixtures("place")
def test_files_of_scikit_learn_are_taken_as_the_page_says():
    read = load_files("photos", load_content=False, allowed_extensions=[".jpg"])
    names = run(DOCS / "python.md")
    found = names["classifier"].predict(read.filenames)
    assert [read.target_names[label] for label in read.target] == list(found)


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text().split()) <= 900
