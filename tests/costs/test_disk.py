"""Bytes on disk: compared with files that jobs really write."""

from pathlib import Path

import pytest
import torch

from drl.config.resolve import recipe as resolve_recipe
from drl.costs.book import Book
from drl.costs.jobs import Amounts, jobs_of
from drl.costs.operations import size_of
from drl.data.prepare import prepare
from drl.jobs.job import Job, Resources
from drl.pipeline.configuration import resolve
from drl.pipeline.studies.samples import LATER_START
from drl.pipeline.studies.training import PREPARE, PRETRAIN
from drl.training.pretrain import run
from tests.job_settings import trained
from tests.recipes import recipes_set

TINY = (recipes_set(iterations=4, batch_size=8), "studies.code_usage.images=4")


CONFIG = resolve("demo", sets=TINY)
FACTS = (1, 8, 10)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    amounts, book = Amounts(CONFIG), Book(tmp_path_factory.mktemp("book") / "rates.json")
    return lambda job: amounts.disk(job, lambda recipe, facts: size_of(recipe, facts, book))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    out = tmp_path_factory.mktemp("images") / "images.safetensors"
    prepare("digits", CONFIG.datasets["digits"], out)
    return out


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_prepared_images(disk, images):
    made = disk(PREPARE.at(dataset="digits")).left
    assert made == pytest.approx(bytes_in(images.parent), rel=0.15)


@pytest.mark.parametrize("recipe", ["drl", "simclr", "ae_8d-lambda0.00001", "unconditional"])
def test_models(disk, images, recipe, tmp_path):
    out = tmp_path / "model.safetensors"
    planned = trained("digits", recipe, 0)
    about = {"scale": "demo", **planned.about}
    settings = PRETRAIN.settings_for(CONFIG, planned.about)
    inputs = {"images": [images]}
    run(Job("pretrain", about, settings, "code", inputs, out, tmp_path / "states", Resources(threads=1)))
    made = disk(planned).left
    assert made == pytest.approx(bytes_in(tmp_path), rel=0.15)


def test_every_job_of_every_item_takes_some(disk):
    for item in ("figure_2", "figure_7", "figure_12", "table_3", "table_6", "learning_curve", "figure_8", "theory"):
        for job in jobs_of(CONFIG, item):
            assert disk(job).left > 0
            assert disk(job).state >= 0


def test_samples_are_bytes(disk):
    cells = CONFIG.studies.later_start
    pixels = len(cells.t_init) * len(cells.priors) * cells.images * 64
    made = disk(LATER_START.at(dataset="digits", recipe="unconditional", seed=0)).left
    assert pixels < made < 1.1 * pixels + 5000


def test_a_state_holds_weights_averages_and_moments(disk, tmp_path):
    size = size_of(resolve_recipe(CONFIG, "unconditional", "digits"), FACTS, Book(tmp_path / "rates.json"))
    assert disk(trained("digits", "unconditional", 0)).state == 3 * (size.model + 3 * size.trained)
    assert size.trained > 4 * 1000
    assert torch.get_default_device().type == "cpu"
