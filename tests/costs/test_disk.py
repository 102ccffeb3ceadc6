"""Bytes on disk: compared with files that jobs really write."""

from pathlib import Path

import pytest
import torch

from drl.costs.disk import Disk
from drl.costs.jobs import Job, jobs_of
from drl.costs.operations import size_of
from drl.costs.rates import Book
from drl.costs.work import Amounts
from drl.data.prepare import prepare
from drl.pipeline.configuration import resolve
from drl.training.pretrain import Name, pretrain
from drl.training.run import Resources
from tests.job_settings import settings_of, trained
from tests.recipes import recipes_set

TINY = (recipes_set(iterations=4, batch_size=8), "studies.code_usage.images=4")


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    amounts = Amounts(resolve("demo", sets=TINY))
    book = Book(tmp_path_factory.mktemp("book") / "rates.json")
    return Disk(
        amounts, lambda dataset, recipe: size_of(amounts.recipe(dataset, recipe), tuple(amounts.facts(dataset)), book)
    )


@pytest.fixture(scope="module")
def images(disk, tmp_path_factory):
    out = tmp_path_factory.mktemp("images") / "images.safetensors"
    prepare("digits", disk.config.datasets["digits"], out)
    return out


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_prepared_images(disk, images):
    made = disk.of(Job("prepare", "data/digits/images.safetensors", "digits"))
    assert made == pytest.approx(bytes_in(images.parent), rel=0.15)


@pytest.mark.parametrize("recipe", ["drl", "simclr", "ae_8d-lambda0.00001", "unconditional"])
def test_models(disk, images, recipe, tmp_path):
    out = tmp_path / "model.safetensors"
    settings = settings_of("pretrain", disk.config, "digits", recipe)
    pretrain(
        Name("demo", "digits", recipe, 0), settings, images, out, tmp_path / "states", "code", Resources(threads=1)
    )
    made = disk.of(Job("pretrain", "x", "digits", trained("digits", recipe, 0)))
    assert made == pytest.approx(bytes_in(tmp_path), rel=0.15)


def test_every_job_of_every_item_takes_some(disk):
    for item in ("figure_2", "figure_7", "figure_12", "table_3", "table_6", "learning_curve", "figure_8", "theory"):
        for job in jobs_of(disk.config, item).values():
            assert disk.of(job) > 0
            assert disk.state(job) >= 0


def test_samples_are_bytes(disk):
    cells = disk.config.studies.later_start
    pixels = len(cells.t_init) * len(cells.priors) * cells.images * 64
    made = disk.of(Job("later_start", "x", "digits", trained("digits", "unconditional", 0)))
    assert pixels < made < 1.1 * pixels + 5000


def test_a_state_holds_weights_averages_and_moments(disk):
    size = disk.size_of("digits", "unconditional")
    state = disk.state(Job("pretrain", "x", "digits", trained("digits", "unconditional", 0)))
    assert state == 3 * (size.model + 3 * size.trained)
    assert size.trained > 4 * 1000
    assert torch.get_default_device().type == "cpu"
