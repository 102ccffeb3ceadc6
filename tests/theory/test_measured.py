"""The tables of docs/theory.md are those that `python -m drl.theory` prints."""

import subprocess
import sys

import pytest
import torch

from drl.config.datasets import DatasetSettings
from drl.data.sources import fashion_mnist
from drl.data.sources.mnist5k import read_digits
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.theory.measured import moments, stored, tables
from tests.docs.conftest import DOCS

DATASETS = resolve("paper").datasets
PAGE = (DOCS / "theory.md").read_text()


def rows(lines):
    return [line for line in lines if line.startswith("|")]


def test_the_page_has_the_rows_of_mnist5k():
    lines = list(tables("mnist5k", DATASETS["mnist5k"], [28, 12]))
    assert "mean brightness 0.13" in "".join(lines)
    made = rows(lines)
    assert len(made) == 2 * (1 + 3 + 1)
    # What the issue of gains, priors and nats was found with.
    assert made[1].startswith("| MNIST-5k, 12 | 1.004 | 1.118 | 4.417 | 50.18 | 91.48 |")
    missing = [row for row in made if row not in PAGE]
    assert not missing


def test_the_page_has_the_rows_of_fashion_mnist():
    settings = DATASETS["fashion_mnist"].model_copy(update={"download": False})
    try:
        fashion_mnist.read(settings)
    except UserError:
        pytest.skip("Fashion-MNIST is not on this machine")
    missing = [row for row in rows(tables("fashion_mnist", settings, [28, 14])) if row not in PAGE]
    assert not missing


def test_moments_are_of_the_training_images():
    settings: DatasetSettings = DATASETS["mnist5k"]
    store = stored("mnist5k", settings, 28)
    found = moments(store, "unit")
    pixels = torch.from_numpy(read_digits()[0].images).double().flatten(1) / 255
    # All digits, of which the training images are four of five.
    assert float(found.mean.sum()) == pytest.approx(float(pixels.mean(0).sum()), rel=0.01)
    assert float(found.eigenvalues.sum()) == pytest.approx(float(pixels.var(0).sum()), rel=0.01)
    standard = moments(store, "standardised")
    assert float(standard.mean.mean()) == pytest.approx(0, abs=1e-4)
    assert float(standard.eigenvalues[0] / found.eigenvalues[0]) == pytest.approx(float(store.std) ** -2, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"), [(["mnist6k", "28"], "there is no dataset 'mnist6k'"), (["mnist5k", "4"], "a size must be")]
)
def test_bad_input_is_one_line(arguments, words):
    run = subprocess.run([sys.executable, "-m", "drl.theory", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert words in run.stderr
    assert run.stderr.count("\n") == 1
