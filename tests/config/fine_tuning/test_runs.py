"""Which runs and pretrainings Tables 1 to 5 and the trajectory of t need."""

import json

import pytest

from drl.config.schema import SCALES
from drl.files import canonical_json
from drl.pipeline.arm_checks import check_arms
from drl.pipeline.configuration import resolve as read
from drl.pipeline.items import measurements, models
from drl.pipeline.studies import STUDIES
from tests.config.fine_tuning.shared import EMBEDDED, FEWEST, SETTINGS, TABLES, planned, resolve, small
from tests.job_settings import fine_tuned, fine_tunings, settings_of, trained


def runs(config, *numbers):
    return {run for number in numbers for run in fine_tunings(config, f"table_{number}")}


def test_tables_1_2_and_5_are_77_runs():
    config = resolve("paper")
    arms = ["none", "none_mixup", "drl", "drl_mixup", "vdrl", "mixup_drl", "vdrl_mixup"]
    expected = {fine_tuned(dataset, arm, labels, 12, 0) for dataset, labels in SETTINGS for arm in arms}
    beyond = fine_tuned("cifar10", "drl_official", 4000, 12, 0)
    assert len(expected) == 77
    assert runs(config, 1, 2, 5) == expected | {beyond}
    assert runs(config, 2) <= runs(config, 1)
    assert len(runs(config, 5) - runs(config, 1)) == 22
    assert {
        run for item in TABLES[1:] for run in fine_tunings(config, item) if run.about["arm"] == "drl_official"
    } == set()


def test_tables_3_and_4_add_three_autoencoders_and_three_searches():
    config = resolve("paper")
    added = runs(config, 3, 4) - runs(config, 1, 2, 5)
    assert added == {fine_tuned(dataset, arm, n, 12, 0) for dataset, n in FEWEST for arm in ("ae", "drl_search")}
    assert {run for run in runs(config, 4) if run.about["arm"] == "drl_search"} == set(), "it stops early"
    assert runs(config, 4) <= runs(config, 1, 3)


def test_no_run_is_made_twice():
    config = resolve("paper")
    everything = runs(config, 1, 2, 3, 4, 5)
    assert len(everything) == 77 + 3 + 3 + 1
    files = [set(measurements(config, item)) for item in TABLES]
    assert set().union(*files) == {run.output for run in everything}
    assert len(set().union(*files)) == len(everything), "each has a file of its own"
    for item in TABLES:
        assert len(fine_tunings(config, item)) == len(set(fine_tunings(config, item)))
    assert fine_tuned("cifar10", "drl", 100, 12, 0).output == (
        "metrics/fine_tune/cifar10/drl/labels100_split12_seed0.csv"
    )


def test_tables_need_twelve_pretrainings_and_one_of_the_authors_kind():
    config = resolve("paper")
    needed = {model for item in TABLES for model in models(config, item)}
    four = ("drl_70k", "vdrl_70k", "mixup_drl_70k", "ae_70k")
    twelve = {trained(dataset, name, 0) for dataset in ("cifar10", "cifar100", "miniimagenet") for name in four}
    assert needed == twelve | {trained("cifar10", "drl_official", 0)}
    for item in TABLES:
        assert len(models(config, item)) == len(set(models(config, item)))


def test_the_trajectory_of_t_adds_five_runs_and_no_model():
    config = resolve("paper")
    drawn = set(fine_tunings(config, "t_trajectory"))
    starts = {"drl": 0.5, "drl_t01": 0.1, "drl_t09": 0.9, "drl_t01_free": 0.1, "drl_t05_free": 0.5, "drl_t09_free": 0.9}
    assert drawn == {fine_tuned("cifar10", arm, 100, 12, 0) for arm in starts}
    assert {run.about["arm"] for run in drawn - runs(config, 1)} == set(starts) - {"drl"}
    assert models(config, "t_trajectory") == (trained("cifar10", "drl_70k", 0),)
    shown = settings_of("figure", config, "t_trajectory")
    assert {name: (start, not name.endswith("_free")) for name, start in starts.items()} == {
        arm["name"]: (arm["t_init"], arm["weight_decay_on_t"]) for arm in shown["arms"]
    }
    assert shown["labels"] == {"cifar10": 100}


@pytest.mark.parametrize("scale", SCALES)
def test_every_run_of_every_table_can_be_planned(scale):
    config = resolve(scale)
    for run in {run for item in (*TABLES, "t_trajectory") for run in fine_tunings(config, item)}:
        settings = planned(config, run.about["arm"], run.about["labels"], run.about["dataset"])
        assert settings["labels"] == run.about["labels"]
        assert json.loads(canonical_json(settings)) == settings


def test_a_fine_tuning_starts_from_the_pretraining_of_its_own_seed():
    config = resolve("lite")
    for item in TABLES:
        needed = {
            trained(run.about["dataset"], config.arms[run.about["arm"]].model, run.about["seed"])
            for run in fine_tunings(config, item)
            if config.arms[run.about["arm"]].model
        }
        assert set(models(config, item)) == needed
        assert {model.about["seed"] for model in needed} == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("splits", "pairs"),
    [
        ("[12]", {(0, 12), (1, 12)}),
        ("[12,3]", {(0, 12), (0, 3), (1, 12), (1, 3)}),
        ("with_seed", {(0, 12), (1, 13)}),
    ],
)
def test_splits_and_seeds_are_axes(splits, pairs):
    config = small(f"studies.fine_tune.splits={splits}", "items.table_2.seeds=[0,1]")
    drawn = fine_tunings(config, "table_2")
    assert {(run.about["seed"], run.about["split"]) for run in drawn} == pairs
    assert len(drawn) == len(pairs) * len(config.items["table_2"].arms)
    settings = settings_of("table", config, "table_2")
    assert settings["seeds"] == [0, 1]
    assert settings["splits"] == sorted({split for _, split in pairs})


def test_with_seed_gives_seed_0_the_paper_s_split():
    assert resolve("lite").studies.fine_tune.splits == "with_seed"
    assert [resolve("lite").splits(seed) for seed in (0, 1, 2)] == [(12,), (13,), (14,)]
    assert [resolve("paper").splits(seed) for seed in (0, 1)] == [(12,), (12,)]


def test_labels_of_an_item_come_before_those_of_the_study_and_these_before_the_default():
    config = small("items.table_2.labels.cifar10=[300]", "studies.fine_tune.labels={digits: [100, 200]}")
    assert config.item_labels("table_2", "cifar10") == (300,)
    assert config.item_labels("table_1", "cifar10") == (100, 500)
    assert config.item_labels("table_2", "digits") == (100, 200)


@pytest.mark.parametrize(("classes", "batch", "labels"), [(10, 50, 100), (10, 150, 150), (3, 50, 50), (20, 50, 200)])
def test_other_datasets_have_ten_labels_a_class_but_at_least_a_batch(classes, batch, labels):
    stripes = resolve("demo").datasets["digits"].model_dump() | {"classes": classes}
    config = small(f"datasets.stripes={json.dumps(stripes)}", f"studies.fine_tune.batch_size={batch}")
    assert config.item_labels("table_1", "stripes") == (labels,)


@pytest.mark.parametrize("scale", ["demo", "lite"])
@pytest.mark.parametrize("dataset", EMBEDDED)
def test_every_embedded_dataset_can_stand_in_for_the_others(scale, dataset):
    # Reading the files again each time, as the test below does once, takes a second.
    config = resolve(scale).model_copy(update={"dataset": dataset})
    check_arms(config, STUDIES)
    for item in (*TABLES, "t_trajectory"):
        assert {(run.about["dataset"], run.about["labels"]) for run in fine_tunings(config, item)} == {(dataset, 100)}
    # Rows beyond the paper are of the dataset that they name.
    named = config.items["table_1"].beyond[0].dataset
    assert [row.arm for row in config.item_beyond("table_1")] == ["drl_official"] * (named == dataset)
    if scale == "lite":
        for run in {run for item in TABLES for run in fine_tunings(config, item)}:
            planned(config, run.about["arm"], run.about["labels"], dataset)


def test_another_dataset_is_one_word_on_the_command_line():
    config = read("demo", sets=["dataset=mnistm5k"])
    assert fine_tunings(config, "table_2") == tuple(fine_tuned("mnistm5k", arm, 100, 12, 0) for arm in ("none", "drl"))
    assert settings_of("table", config, "table_2")["labels"] == [["mnistm5k", [100]]]
