"""Planned units of work are those that jobs really do: every job is run, and its own code counts."""

import sys
from collections import Counter
from statistics import median_low

import pytest
import torch

from drl.costs.jobs import Amounts, job_table
from drl.costs.measure import Meter
from drl.costs.plan import needed
from drl.costs.random_inputs import random_images
from drl.jobs.device import place
from drl.laplacenet.classifier import build
from drl.laplacenet.fine_tuning import FineTuner
from drl.laplacenet.image_split import ImageSplit
from drl.methods.base import ImageFacts
from drl.pipeline.configuration import resolve
from drl.pipeline.registry import STEPS
from tests.costs.jobs_done import Done, counting
from tests.job_settings import fine_tuned

# Short, but with different numbers wherever two could be confused.
SETS = (
    "recipes.drl.iterations=7",
    "recipes.simclr.iterations=5",
    "recipes.drl_2d_single.for_dataset={}",
    "studies.probe.t=[0.2, 0.5, 0.9]",
    "studies.learning_speed.labels=260",
    "studies.learning_speed.snapshots=2",
    "studies.later_start.images=70",
    "studies.latent_grid.cells=3",
    "studies.one_code.columns=3",
    "items.figure_12.seeds=[0]",
)
CHOOSING = ("studies.probe.select=best_val", "studies.probe.learning_rates=[0.001, 0.01]")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Results by further settings, each made once."""
    made = {}

    def at(*more):
        if more not in made:
            folder = tmp_path_factory.mktemp("results")
            made[more] = Done(resolve("demo", sets=(*SETS, *more)), folder)
        return made[more]

    return at


def both(results, step, **axes):
    """Return a job's planned amounts, as a list, and what it did."""
    job = STEPS[step].at(dataset="digits", seed=0, **axes)
    return Amounts(results.config).of(job), results.of(job)


def planned(works, kind):
    return sum(work.count for work in works if work.unit.kind == kind)


@pytest.mark.parametrize("recipe", ["drl", "simclr"])
def test_a_training(done, recipe):
    results = done()
    works, did = both(results, "pretrain", recipe=recipe)
    usage = results.config.studies.code_usage
    images = did["train"] + did["usage"] * min(usage.images, results.config.datasets["digits"].validation) * 2 / 3
    assert did["usage"] > 0
    assert planned(works, "train") == pytest.approx(images if recipe == "drl" else did["train"])


@pytest.mark.parametrize("more", [(), CHOOSING, ("studies.probe.validation=true",)])
def test_probes(done, more):
    results = done(*more)
    works, did = both(results, "probe", recipe="drl")
    assert planned(works, "encode") == did["encode"]
    protocol = results.config.studies.probe
    units = [work for work in works if work.unit.kind == "probe"]
    assert len({work.unit.spec["features"] for work in units}) == 2
    for work in units:
        spec = work.unit.spec
        steps = did["probe", spec["features"]] + did["evaluation", spec["features"]] / (3 * protocol.batch_size)
        # The share of labelled images that are validation images is only expected.
        assert work.count * spec["sets"] * spec["seeds"] == pytest.approx(steps, rel=0.03)


def test_probes_of_snapshots(done):
    results = done()
    works, did = both(results, "learning_speed", recipe="drl")
    [work] = [work for work in works if work.unit.kind == "probe"]
    entries, size = work.unit.spec["features"], results.config.studies.probe.batch_size
    steps = did["probe", entries] + did["evaluation", entries] / (3 * size)
    assert work.count * work.unit.spec["sets"] == pytest.approx(steps)
    assert planned(works, "encode") == did["encode"]


@pytest.mark.parametrize("recipe", ["drl_8d-lambda0.00001", "ae_8d-lambda0.00001"])
def test_support_vector_machines(done, recipe):
    works, did = both(done(), "few_shot", recipe=recipe)
    machines = {work.unit.spec["labels"]: work.count for work in works if work.unit.kind == "svm"}
    assert machines == {key[1]: count for key, count in did.items() if key[0] == "svm"}
    # A labelled image is read once, however many subsets it is in; the plan counts it for each of them.
    assert did["encode"] <= planned(works, "encode") <= 1.1 * did["encode"]


def silhouettes(works, did):
    wanted = {}
    for work in works:
        if work.unit.kind == "silhouette":
            wanted[work.unit.spec["codes"]] = wanted.get(work.unit.spec["codes"], 0) + work.count
    assert wanted == {key[1]: count for key, count in did.items() if key[0] == "silhouette"}
    assert planned(works, "encode") == did["encode"]


def test_silhouettes(done):
    silhouettes(*both(done(), "silhouettes"))


def test_a_view_of_codes(done):
    silhouettes(*both(done(), "code_view", recipe="drl"))


def test_a_square_of_codes(done):
    works, did = both(done(), "latent_grid", recipe="drl_2d")
    silhouettes(works, did)
    assert planned(works, "score") == did["score"] > 0


def test_samples(done):
    for step, recipe in (("one_code", "drl_nd-d2"), ("later_start", "unconditional")):
        works, did = both(done(), step, recipe=recipe)
        assert planned(works, "score") == did["score"] > 0


def test_distances_of_samples(done):
    works, did = both(done(), "fid", recipe="unconditional")
    for kind in ("encode", "frechet"):
        assert planned(works, kind) == did[kind] > 0


@pytest.mark.parametrize("more", [(), ("studies.fine_tune.select=best_val",)])
@pytest.mark.parametrize("arm", ["none", "drl_search"])
def test_a_fine_tuning(done, arm, more):
    works, did = both(done(*more), "fine_tune", arm=arm, labels=100, split=12)
    for kind in ("fine_tune", "pseudo_labels", "encode"):
        assert planned(works, kind) == did[kind] > 0


class Counting(Meter):
    """A meter whose clock is the work: the time of a step is the number of units of one kind that it did."""

    kind, done = "", Counter()

    def _once(self, step):
        before = self.done.copy()
        step()
        did = self.done - before
        # A training evaluates scores, too.
        others = {kind if isinstance(kind, str) else kind[0] for kind in did} - {self.kind, "score"}
        assert not others, others
        return float(sum(count for kind, count in did.items() if self.kind in (kind, kind[0])))


@pytest.mark.parametrize(
    "kind",
    ["train", "score", "encode", "probe", "fine_tune", "pseudo_labels", "silhouette", "svm", "frechet"],
)
def test_what_is_timed_is_one_unit_and_nothing_else(kind):
    known = Amounts(resolve("demo"))
    items = ("figure_2", "figure_4", "figure_8", "table_1", "table_6")
    unit = next(unit for unit in needed(known, job_table(known.config, items)["job"]) if unit.kind == kind)
    meter = Counting("cpu", "fp32", "off", 1)
    meter.kind = kind
    each = unit.spec["sets"] * unit.spec["seeds"] if kind == "probe" else 1
    # Whatever a meter builds before it counts has the watched functions.
    with counting() as meter.done:
        assert meter.seconds(unit) == pytest.approx(each)


def python_calls(step):
    """Return how many functions of Python a step calls."""
    calls = [0]

    def count(frame, event, argument):
        calls[0] += event == "call"

    sys.setprofile(count)
    try:
        step()
    finally:
        sys.setprofile(None)
    return calls[0]


def test_a_measured_step_of_a_fine_tuning_counts_no_more_than_one_of_a_job():
    known = Amounts(resolve("lite"))
    unit = next(
        work.unit
        for work in known.of(fine_tuned("fashion_mnist_10k", "none", 100, 0, 1))
        if work.unit.kind == "fine_tune"
    )
    settings, facts = unit.spec["settings"], ImageFacts(*unit.spec["facts"])
    store, positions = random_images(facts, torch.device("cpu")), torch.arange(1100)
    split = ImageSplit(positions[:100], positions[100:], positions[:0], positions[:0])
    job = FineTuner(build(settings.network, facts, 0), store, split, place("cpu", "fp32", "off", 1), settings, 0)
    job.targets, job.epoch, job.step_in_epoch = store.labels.clone(), job.schedule.supervised_epochs, 1
    job.advance()  # the first step prepares
    of_job, spans = python_calls(job.advance), []

    class Watched(Meter):
        def _once(self, step):
            spans.append(python_calls(step))
            return 1e-3

    Watched("cpu", "fp32", "off", 1).seconds(unit)
    assert of_job > 500
    # The first step of a batch builds the fine-tuning.
    assert median_low(spans) < 1.5 * of_job
