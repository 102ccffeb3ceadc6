"""How much work jobs are: compared with what the code that does it counts."""

from functools import cache

import pytest
import torch

from drl.config.resolve import recipe as resolve_recipe
from drl.costs.jobs import DRAW, KINDS, STUDY, Amounts, jobs_of, kind_of
from drl.costs.random_inputs import random_images
from drl.diffusion.samplers.chain import ChainOptions, calls
from drl.diffusion.samplers.steps import Grid
from drl.diffusion.sde import VE
from drl.jobs.device import place
from drl.laplacenet.classifier import build
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.methods.base import ImageFacts
from drl.pipeline.configuration import resolve
from drl.pipeline.registry import STEPS
from drl.pipeline.units import code_size, sees_time
from tests import tiny
from tests.job_settings import BUILT, fine_tuned


@cache
def amounts(scale="demo", *sets):
    return Amounts(resolve(scale, sets=sets))


def of_unit(works, unit):
    return sum(work.count for work in works if work.unit.kind == unit)


def model_job(kind, recipe, dataset="digits"):
    return STEPS[kind].at(dataset=dataset, recipe=recipe, seed=0)


def test_every_job_of_every_scale_has_work_and_all_kinds_come():
    for scale in ("demo", "lite", "paper"):
        known, kinds = amounts(scale), set()
        for item in BUILT:
            for job in jobs_of(known.config, item):
                works = known.of(job)
                assert works[0].unit.kind == "start"
                assert all(work.count > 0 for work in works)
                kinds.add(kind_of(job))
        own = amounts(scale, "dataset=cifar10")
        for job in jobs_of(own.config, STUDY):
            assert all(work.count > 0 for work in own.of(job))
            kinds.add(kind_of(job))
        assert kinds == set(KINDS)


def test_training_counts_images_and_code_usage():
    known = amounts()
    simclr, drl = (resolve_recipe(known.config, name, "digits") for name in ("simclr", "drl"))
    assert of_unit(known.of(model_job("pretrain", "simclr")), "train") == simclr.iterations * simclr.batch_size
    usage = known.config.studies.code_usage
    images = drl.iterations * drl.batch_size + usage.times * len(usage.t) * usage.images * 2 / 3
    assert of_unit(known.of(model_job("pretrain", "drl")), "train") == pytest.approx(images)


def test_a_model_that_is_taken_as_it_is_is_not_trained():
    assert of_unit(amounts("paper").of(model_job("pretrain", "song_deep", "cifar10")), "train") == 0


def test_evaluations_are_those_of_the_chains():
    known = amounts("paper")
    job = model_job("later_start", "song_deep", "cifar10")
    cells = known.config.studies.later_start
    grid, each = Grid(VE(0.01, 50.0), 1000, 1e-5), 0
    for t in cells.t_init:
        each += calls(grid, [t], ChainOptions())[1]
    assert of_unit(known.of(job), "score") == each * cells.images * len(cells.priors) == 540_000_000


@pytest.mark.parametrize("arm", ["none", "drl", "drl_search", "drl_t01"])
def test_fine_tuning_counts_the_steps_that_it_makes(arm):
    known = amounts("demo", "studies.fine_tune.epoch_steps=5")
    config = known.config
    settings = STEPS["fine_tune"].settings_for(config, {"dataset": "digits", "arm": arm, "labels": 100})
    images, facts = config.datasets["digits"], ImageFacts(1, 8, 10)
    store = random_images(facts, torch.device("cpu"))
    positions = torch.arange(images.train)
    split = ImageSplit(positions[:100], positions[100:], positions[:0], positions[:0])
    training = FineTuner(build(settings.network, facts, 0), store, split, place("cpu"), settings, 0)
    works = known.of(fine_tuned("digits", arm, 100, 12, 0))
    study = config.studies.fine_tune
    assert of_unit(works, "fine_tune") == training.total * study.batch_size * study.versions
    semi = training.epochs - study.supervised_epochs
    assert of_unit(works, "pseudo_labels") == semi
    tries = len(training.candidates) * study.supervised_epochs
    assert of_unit(works, "encode") == semi * images.train + (tries + semi) * images.test


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_what_is_read_off_a_recipe_is_what_is_built(scale):
    known = amounts(scale)
    for name in known.config.recipes:
        member, dataset = known.config.members(name)[0], "mnist" if name.startswith("drl_nd") else "cifar10"
        recipe, images = resolve_recipe(known.config, member, dataset), known.config.datasets[dataset]
        if recipe.method.codes_by is None:
            continue
        facts = ImageFacts(images.channels, images.image_size, images.classes)
        with torch.device("meta"):
            method = tiny.build(recipe, facts)
        assert code_size(recipe) == method.code_size, member
        assert sees_time(recipe) == (method.codes_see_time or recipe.method.kind == "dae"), member


def load_of(known, recipe, dataset="cifar10", unit="train"):
    works = known.of(model_job("pretrain", recipe, dataset))
    return next(work.unit for work in works if work.unit.kind == unit)


def test_what_costs_the_same_is_measured_once():
    known = amounts("paper")
    assert load_of(known, "drl") == load_of(known, "drl_vp") == load_of(known, "drl_70k")
    assert load_of(known, "drl") == load_of(known, "drl", "cifar100")
    assert load_of(known, "drl_2d_single-t0.1") == load_of(known, "drl_2d_single-t0.9")
    assert load_of(known, "drl") == load_of(known, "vdrl") == load_of(known, "cdae")
    assert load_of(known, "ae") == load_of(known, "vae") == load_of(known, "dae") == load_of(known, "ae_70k")
    names = ("drl", "drl_official", "ae", "simclr", "simclr_gauss", "drl_8d-lambda0.001", "drl_2d", "drl_2d_focus")
    assert len({load_of(known, name) for name in names}) == len(names)
    assert load_of(known, "drl") != load_of(known, "drl", "miniimagenet")


def test_drawing_is_no_network():
    known = amounts()
    job = next(job for job in jobs_of(known.config, "figure_4") if kind_of(job) == DRAW)
    assert {work.unit.kind for work in known.of(job)} == {"start", "draw"}
