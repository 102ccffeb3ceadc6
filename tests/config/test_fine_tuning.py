"""Settings of fine-tuning: arms, which runs Tables 1 to 5 need, what reruns one, and what is refused."""

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl import provenance
from drl.config import slices
from drl.config.check_arms import check_arms
from drl.config.fine_tuning import FineTuneSettings
from drl.config.merge import overlay
from drl.config.resolve import FOLDER, assignments, load, read_yaml, recipe
from drl.config.resolve import resolve as read
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.files import canonical_json
from drl.items import ITEMS, FineTuning, Model, fine_tunings, measurements, models
from drl.laplacenet.schedule import Schedule
from drl.verify import verify

TABLES = tuple(f"table_{k}" for k in range(1, 6))
SETTINGS = [
    *(("cifar10", n) for n in (100, 500, 1000, 2000, 4000)),
    *(("cifar100", n) for n in (1000, 4000, 10000, 20000)),
    *(("miniimagenet", n) for n in (4000, 10000)),
]
FEWEST = [("cifar10", 100), ("cifar100", 1000), ("miniimagenet", 4000)]
EMBEDDED = ("digits", "mnist5k", "mnistm5k")
# Checking the whole configuration takes half a second; a test of one setting needs a tenth of it.
DATASETS = ("digits", "cifar10")
RECIPES = ("drl", "vdrl", "ae", "drl_70k", "vdrl_70k", "mixup_drl_70k", "ae_70k", "drl_official", "drl_2d")
OTHERS = ("unconditional", "supervised", "drl_8d")

resolve = cache(lambda scale, sets=(): read(scale, sets=sets))


@cache
def part():
    """Return demo scale's configuration without what has no part in fine-tuning, with the paper's networks."""
    whole = overlay(read_yaml(FOLDER / "config.yaml"), read_yaml(FOLDER / "scales" / "demo.yaml"))
    whole.pop("every_recipe")
    whole["datasets"] = {name: whole["datasets"][name] for name in DATASETS}
    whole["studies"]["learning_speed"]["pairs"] = []
    whole["datasets"]["cifar10"] |= {"train": 1200, "test": 100, "validation": 100}
    whole["studies"]["fine_tune"]["labels"] = {"digits": [100], "cifar10": [100, 500]}
    whole["recipes"] = {name: dict(whole["recipes"][name]) for name in RECIPES + OTHERS}
    for section in whole["recipes"].values():
        section.pop("for_dataset", None)
    whole["items"] = {name: whole["items"][name] for name in (*TABLES, "t_trajectory", "figure_4")}
    whole["items"]["figure_4"] = {"datasets": ["digits"], "recipes": ["drl"]}
    for name in TABLES[2:4]:
        whole["items"][name]["labels"] = {"digits": [100]}
    return whole


@cache
def small(*sets: str):
    return load(overlay(part(), assignments(sets)))


def complaint(*sets: str) -> str:
    with pytest.raises(UserError) as caught:
        load(overlay(part(), assignments(sets)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def planned(config, arm="drl", labels=100, dataset="digits"):
    return slices.fine_tune(config, dataset, arm, labels)


def refused(config, arm="drl", labels=100, dataset="digits") -> str:
    with pytest.raises(UserError) as caught:
        planned(config, arm, labels, dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------ what is written


def test_paper_scale_is_what_the_authors_ran():
    study = resolve("paper").studies.fine_tune
    assert study.model_dump() == {
        "network_of": "drl_70k",
        "labels": {
            "cifar10": (100, 500, 1000, 2000, 4000),
            "cifar100": (1000, 4000, 10000, 20000),
            "miniimagenet": (4000, 10000),
        },
        "splits": (12,),
        "steps": 250_000,
        "epoch_steps": None,
        "batch_size": 100,
        "labelled_batch": 50,
        "supervised_epochs": 10,
        "passes": 10,
        "versions": 3,
        "weak": 1,
        "strong": 2,
        "flip": 0.5,
        "padding": None,
        "learning_rate": 0.03,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "tail_epochs": 10,
        "mixup_alpha": 1.0,
        "neighbours": 50,
        "alpha": 0.99,
        "tolerance": 1e-3,
        "solver_iterations": 30,
        "alignment_rounds": 100,
        "early_epoch": 100,
        "select": "last",
        "search": study.search,
    }
    # torch.linspace(0, 1, 11).clip(0.01, 0.99) in the authors' code
    assert study.search == pytest.approx(np.linspace(0, 1, 11).clip(0.01, 0.99))
    assert [study.crop_padding(size) for size in (32, 84, 28, 8)] == [4, 8, 3, 1]
    encoder = recipe(resolve("paper"), study.network_of, "cifar10").encoder
    assert (encoder.kind, encoder.depth, encoder.width, encoder.code_size) == ("wide_resnet", 28, 2, 128)


@pytest.mark.parametrize(
    ("name", "model", "mixup", "t_init", "weight_decay_on_t", "until"),
    [
        ("none", None, False, 0.5, True, "end"),
        ("none_mixup", None, True, 0.5, True, "end"),
        ("drl", "drl_70k", False, 0.5, True, "end"),
        ("drl_mixup", "drl_70k", True, 0.5, True, "end"),
        ("vdrl", "vdrl_70k", False, 0.5, True, "end"),
        ("vdrl_mixup", "vdrl_70k", True, 0.5, True, "end"),
        ("mixup_drl", "mixup_drl_70k", True, 0.5, True, "end"),
        ("ae", "ae_70k", False, 0.5, True, "end"),
        ("drl_search", "drl_70k", False, "search", True, "early"),
        ("drl_official", "drl_official", False, 0.5, True, "end"),
        ("drl_t01", "drl_70k", False, 0.1, True, "early"),
        ("drl_t09", "drl_70k", False, 0.9, True, "early"),
        ("drl_t01_free", "drl_70k", False, 0.1, False, "early"),
        ("drl_t05_free", "drl_70k", False, 0.5, False, "early"),
        ("drl_t09_free", "drl_70k", False, 0.9, False, "early"),
    ],
)
def test_arms_at_every_scale(name, model, mixup, t_init, weight_decay_on_t, until):
    for scale in SCALES:
        arm = resolve(scale).arms[name]
        assert (arm.model, arm.mixup, arm.t_init) == (model, mixup, t_init)
        assert (arm.weight_decay_on_t, arm.until) == (weight_decay_on_t, until)
        assert arm.mixup_semi, "the authors' code mixes in semi-supervised epochs whatever the flag"


def test_where_fine_tuning_starts_is_the_128_d_model_after_70_000_steps():
    config = resolve("paper")
    for dataset in ("cifar10", "cifar100", "miniimagenet"):
        for short, long, own in [
            ("drl_70k", "drl", {}),
            ("vdrl_70k", "vdrl", {}),
            ("ae_70k", "ae", {"recon": "bce"}),
            ("mixup_drl_70k", "drl", {"mixup": True}),
        ]:
            found, wanted = (recipe(config, name, dataset).slice() for name in (short, long))
            assert (found["iterations"], found["batch_size"]) == (70_000, 100)
            assert found["method"] == wanted["method"] | own
            for key in ("iterations", "method"):
                found.pop(key), wanted.pop(key)
            assert found == wanted


def test_drl_official_sees_4_000_images_with_weak_augmentation_and_the_others_all_as_they_are():
    config = resolve("paper")
    official, plain = (recipe(config, name, "cifar10").slice() for name in ("drl_official", "drl_70k"))
    assert official.pop("train_images") == 4000
    assert official.pop("augmentation") == {"operations": 1, "flip": 0.5}
    assert (plain.pop("train_images"), plain.pop("augmentation")) == (None, None)
    assert official == plain
    for scale in SCALES:
        for name in ("drl", "drl_70k", "vdrl_70k", "mixup_drl_70k", "ae_70k"):
            there = recipe(resolve(scale), name)
            assert (there.train_images, there.augmentation) == (None, None)


@pytest.mark.parametrize("scale", SCALES)
def test_limited_readings_have_had_pseudo_labels_and_about_the_paper_s_share_of_the_epochs(scale):
    config = resolve(scale)
    study = config.studies.fine_tune
    for run in fine_tunings(config, "table_2"):
        schedule = Schedule.of(run.labels, config.datasets[run.dataset].train, study.slice())
        assert schedule.supervised_epochs < study.early_epoch < schedule.epochs
        if scale != "demo":  # which has four epochs
            assert study.early_epoch / schedule.epochs == pytest.approx(100 / 260, abs=0.14)


@pytest.mark.parametrize(("scale", "dataset"), [("demo", "digits"), ("lite", "mnist5k")])
def test_smaller_scales_have_one_dataset_with_ten_labels_a_class(scale, dataset):
    config = resolve(scale)
    for item in (*TABLES, "t_trajectory"):
        assert config.item_datasets(item) == (dataset,)
        assert config.item_labels(item, dataset) == (100,)


# ------------------------------------------------------------------------------------------------------------- the runs


def runs(config, *numbers):
    return {run for number in numbers for run in fine_tunings(config, f"table_{number}")}


def test_tables_1_2_and_5_are_77_runs():
    config = resolve("paper")
    arms = ["none", "none_mixup", "drl", "drl_mixup", "vdrl", "mixup_drl", "vdrl_mixup"]
    expected = {FineTuning(dataset, arm, labels, 12, 0) for dataset, labels in SETTINGS for arm in arms}
    beyond = FineTuning("cifar10", "drl_official", 4000, 12, 0)
    assert len(expected) == 77
    assert runs(config, 1, 2, 5) == expected | {beyond}
    assert runs(config, 2) <= runs(config, 1)
    assert len(runs(config, 5) - runs(config, 1)) == 22
    assert {run for item in TABLES[1:] for run in fine_tunings(config, item) if run.arm == "drl_official"} == set()


def test_tables_3_and_4_add_three_autoencoders_and_three_searches():
    config = resolve("paper")
    added = runs(config, 3, 4) - runs(config, 1, 2, 5)
    assert added == {FineTuning(dataset, arm, n, 12, 0) for dataset, n in FEWEST for arm in ("ae", "drl_search")}
    assert {run for run in runs(config, 4) if run.arm == "drl_search"} == set(), "it stops early"
    assert runs(config, 4) <= runs(config, 1, 3)


def test_no_run_is_made_twice():
    config = resolve("paper")
    everything = runs(config, 1, 2, 3, 4, 5)
    assert len(everything) == 77 + 3 + 3 + 1
    files = [set(measurements(config, item)) for item in TABLES]
    assert set().union(*files) == {f"metrics/fine_tune/{run.name}.csv" for run in everything}
    assert len(set().union(*files)) == len(everything), "each has a file of its own"
    for item in TABLES:
        assert len(fine_tunings(config, item)) == len(set(fine_tunings(config, item)))
    assert FineTuning("cifar10", "drl", 100, 12, 0).name == "cifar10/drl/labels100_split12_seed0"


def test_tables_need_twelve_pretrainings_and_one_of_the_authors_kind():
    config = resolve("paper")
    needed = {model for item in TABLES for model in models(config, item)}
    four = ("drl_70k", "vdrl_70k", "mixup_drl_70k", "ae_70k")
    twelve = {Model(dataset, name, 0) for dataset in ("cifar10", "cifar100", "miniimagenet") for name in four}
    assert needed == twelve | {Model("cifar10", "drl_official", 0)}
    for item in TABLES:
        assert len(models(config, item)) == len(set(models(config, item)))


def test_the_trajectory_of_t_adds_five_runs_and_no_model():
    config = resolve("paper")
    drawn = set(fine_tunings(config, "t_trajectory"))
    starts = {"drl": 0.5, "drl_t01": 0.1, "drl_t09": 0.9, "drl_t01_free": 0.1, "drl_t05_free": 0.5, "drl_t09_free": 0.9}
    assert drawn == {FineTuning("cifar10", arm, 100, 12, 0) for arm in starts}
    assert {run.arm for run in drawn - runs(config, 1)} == set(starts) - {"drl"}
    assert models(config, "t_trajectory") == (Model("cifar10", "drl_70k", 0),)
    shown = slices.figure(config, "t_trajectory")
    assert {name: (start, not name.endswith("_free")) for name, start in starts.items()} == {
        name: (start, decays) for name, _, start, decays in shown["arms"]
    }
    assert shown["labels"] == {"cifar10": 100}


@pytest.mark.parametrize("scale", SCALES)
def test_every_run_of_every_table_can_be_planned(scale):
    config = resolve(scale)
    for run in {run for item in (*TABLES, "t_trajectory") for run in fine_tunings(config, item)}:
        settings = planned(config, run.arm, run.labels, run.dataset)
        assert settings["labels"] == run.labels
        assert json.loads(canonical_json(settings)) == settings


def test_a_fine_tuning_starts_from_the_pretraining_of_its_own_seed():
    config = resolve("lite")
    for item in TABLES:
        needed = {
            Model(run.dataset, config.arms[run.arm].model, run.seed)
            for run in fine_tunings(config, item)
            if config.arms[run.arm].model
        }
        assert set(models(config, item)) == needed
        assert {model.seed for model in needed} == {0, 1, 2}


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
    assert {(run.seed, run.split) for run in drawn} == pairs
    assert len(drawn) == len(pairs) * len(config.items["table_2"].arms)
    settings = slices.table(config, "table_2")
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
    check_arms(config, recipe)
    for item in (*TABLES, "t_trajectory"):
        assert {(run.dataset, run.labels) for run in fine_tunings(config, item)} == {(dataset, 100)}
    # Rows beyond the paper are of the dataset that they name.
    named = config.items["table_1"].beyond[0].dataset
    assert [row.arm for row in config.item_beyond("table_1")] == ["drl_official"] * (named == dataset)
    if scale == "lite":
        for run in {run for item in TABLES for run in fine_tunings(config, item)}:
            planned(config, run.arm, run.labels, dataset)


def test_another_dataset_is_one_word_on_the_command_line():
    config = read("demo", sets=["dataset=mnistm5k"])
    assert fine_tunings(config, "table_2") == tuple(FineTuning("mnistm5k", arm, 100, 12, 0) for arm in ("none", "drl"))
    assert slices.table(config, "table_2")["labels"] == [["mnistm5k", [100]]]


# ------------------------------------------------------------------------------------------------------- what is shown


def test_tables_2_and_3_read_the_runs_early_and_the_others_at_their_end():
    config = resolve("paper")
    for number, item in enumerate(TABLES, start=1):
        settings = slices.table(config, item)
        assert settings["number"] == number
        assert settings["reading"] == {"epoch": 100 if number in (2, 3) else None, "select": "last"}
        assert settings["arms"] == [[n, config.arms[n].label, n.startswith("none")] for n in config.items[item].arms]
        assert "early" not in settings
        wanted = FEWEST if number in (3, 4) else SETTINGS
        assert [(name, n) for name, labels in settings["labels"] for n in labels] == wanted
        assert (settings["seeds"], settings["splits"]) == ([0], [12])
    (row,) = slices.table(config, "table_1")["beyond"]
    assert (row["arm"], row["in_place_of"], row["dataset"], row["labels"]) == ("drl_official", "drl", "cifar10", 4000)
    assert row["label"] == config.arms["drl_official"].label
    assert all(not slices.table(config, item)["beyond"] for item in TABLES[1:])


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("arms.drl.label=X", {*TABLES, "t_trajectory"}),
        ("arms.ae.label=X", {"table_3", "table_4"}),
        ("arms.drl_official.label=X", {"table_1"}),
        ("arms.drl_t01.t_init=0.2", {"t_trajectory"}),
        ("datasets.digits.title=X", {*TABLES, "t_trajectory"}),
        ("studies.fine_tune.early_epoch=4", {"table_2", "table_3"}),
        ("studies.fine_tune.select=best_val", {*TABLES}),
        ("studies.fine_tune.splits=[12,13]", {*TABLES}),
        ("items.table_5.seeds=[1]", {"table_5"}),
        ("studies.fine_tune.steps=200", set()),
        ("recipes.drl_70k.label=X", set()),
        ("arms.spare={label: S, model: null}", set()),
    ],
)
def test_a_table_is_made_again_when_what_it_shows_changes(changed, again):
    one, two = small(), small(changed)
    shown = (*TABLES, "t_trajectory")
    assert {item for item in shown if slices.figure(one, item) != slices.figure(two, item)} == again


# --------------------------------------------------------------------------------------------------- what reruns a run


def test_a_run_s_settings_are_its_arm_the_protocol_and_the_network():
    settings = planned(small(), "drl_mixup")
    assert set(settings) == {"arm", "labels", "fine_tune", "network", "label_list", "label_list_sha256"}
    assert settings["arm"] == {
        "model": "drl_70k",
        "mixup": True,
        "mixup_semi": True,
        "t_init": 0.5,
        "weight_decay_on_t": True,
        "until": "end",
    }
    assert settings["fine_tune"]["padding"] == 1, "an eighth of 8 pixels"
    assert settings["network"]["encoder"]["width"] == 2
    assert (settings["label_list"], settings["label_list_sha256"]) == (None, None)
    left_out = {"network_of", "labels", "splits", "search", "early_epoch"}
    assert set(settings["fine_tune"]) == set(FineTuneSettings.model_fields) - left_out


@pytest.mark.parametrize(
    ("arm", "held"), [("drl", set()), ("drl_t01", {"early_epoch"}), ("drl_search", {"early_epoch", "search"})]
)
def test_only_what_stops_early_knows_where_and_only_a_search_its_grid(arm, held):
    config, other = small(), small("studies.fine_tune.early_epoch=4", "studies.fine_tune.search=[0.2,0.8]")
    assert {"early_epoch", "search"} & set(planned(config, arm)["fine_tune"]) == held
    assert (planned(config, arm) != planned(other, arm)) == bool(held)


def test_a_search_to_the_end_holds_its_grid_alone():
    settings = planned(small("arms.drl_search.until=end"), "drl_search")
    assert {"early_epoch", "search"} & set(settings["fine_tune"]) == {"search"}


@pytest.mark.parametrize(
    "changed",
    [
        "arms.vdrl={mixup: true, t_init: 0.3}",
        "arms.spare={label: S, model: null}",
        "arms.drl.label=X",
        "studies.fine_tune.labels={digits: [100, 200], cifar10: [7000]}",
        "studies.fine_tune.splits=[12,13]",
        "studies.fine_tune.splits=with_seed",
        "studies.fine_tune.search=[0.2,0.8]",
        "studies.fine_tune.early_epoch=4",
        "studies.fine_tune.network_of=vdrl_70k",
        "items.table_1={arms: [drl], labels: {digits: [200]}, seeds: [5]}",
        "items.table_1.beyond=[]",
        "datasets.cifar10={train: 700, validation: 10, image_size: 16, label_list: nowhere}",
        "datasets.digits={title: X, folder: elsewhere, download: false, validation: 100}",
        "recipes.drl_70k={label: X, iterations: 3, sampler: {steps: 3}}",
        "recipes.ae_70k.iterations=3",
        "studies.probe.epochs=7",
        "run={save_minutes: 1.0, precision: fp32, device: cpu}",
        "seeds=[8]",
    ],
)
def test_what_is_not_a_run_s_own_leaves_it_alone(changed):
    assert planned(small()) == planned(small(changed))


# The recipe's own training enters by the model, which the run reads; these decide what the run does with it.
CHANGES = {
    "steps": 200,
    "epoch_steps": 30,
    "batch_size": 60,
    "labelled_batch": 20,
    "supervised_epochs": 1,
    "passes": 3,
    "versions": 3,
    "weak": 2,
    "strong": 1,
    "flip": 0.5,
    "padding": 3,
    "learning_rate": 0.1,
    "momentum": 0.8,
    "weight_decay": 0.0,
    "tail_epochs": 2,
    "mixup_alpha": 0.5,
    "neighbours": 11,
    "alpha": 0.9,
    "tolerance": 1e-4,
    "solver_iterations": 31,
    "alignment_rounds": 0,
    "select": "best_val",
}
NOT_OF_EVERY_RUN = {"network_of", "labels", "splits", "search", "early_epoch"}


def test_all_settings_are_in_one_of_the_tests_here():
    assert set(CHANGES) | NOT_OF_EVERY_RUN == set(FineTuneSettings.model_fields)


@pytest.mark.parametrize("key", CHANGES)
def test_every_setting_of_the_protocol_reruns_fine_tuning_and_nothing_before_it(key):
    one, two = small(), small(f"studies.fine_tune.{key}={CHANGES[key]}")
    for arm in ("none", "drl"):
        before, after = planned(one, arm), planned(two, arm)
        assert after["fine_tune"][key] == CHANGES[key] != before["fine_tune"][key]
        assert {k: v for k, v in before["fine_tune"].items() if k != key} == {
            k: v for k, v in after["fine_tune"].items() if k != key
        }
    assert slices.pretrain(one, "digits", "drl_70k") == slices.pretrain(two, "digits", "drl_70k")
    assert slices.probe(one, "digits", "drl") == slices.probe(two, "digits", "drl")


@pytest.mark.parametrize(
    "change", ["model: vdrl_70k", "mixup: true", "mixup_semi: false", "t_init: 0.3", "weight_decay_on_t: false"]
)
def test_every_setting_of_an_arm_reruns_it_alone(change):
    one, two = small(), small(f"arms.drl={{{change}}}")
    assert planned(one) != planned(two)
    for arm in set(one.arms) - {"drl"}:
        assert planned(one, arm) == planned(two, arm)


def test_where_an_arm_stops_and_its_number_of_labels_rerun_it():
    config = small()
    assert planned(config, "drl_t01") != planned(small("arms.drl_t01.until=end"), "drl_t01")
    assert planned(config, labels=100) != planned(config, labels=200)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ("every_recipe.encoder={kind: wide_resnet, width: 1}", "encoder"),
        ("every_recipe.encoder={kind: wide_resnet, dropout: 0.1}", "encoder"),
        ("every_recipe.pixels=unit", "pixels"),
        ("every_recipe={pixels: unit, centre_inputs: true}", "centre_inputs"),
    ],
)
def test_another_network_reruns_fine_tuning_from_fresh_weights_too(changed, where):
    before, after = (planned(config, "none")["network"] for config in (small(), small(changed)))
    assert before[where] != after[where]


def test_an_edited_label_list_reruns_the_runs_of_its_dataset(tmp_path):
    config = small(f"datasets.digits.label_list={tmp_path}")
    assert "label_list: " in (line := refused(config))
    assert line.endswith("holds no <n>_balanced_labels/<split>.txt; give their folder")
    lists = tmp_path / "100_balanced_labels"
    lists.mkdir()
    (lists / "12.txt").write_text("0_0.png 0\n")
    before, other = planned(config), planned(config, labels=500, dataset="cifar10")
    assert before["label_list"] == str(tmp_path)
    (lists / "12.txt").write_text("1_0.png 0\n")
    after = planned(config)
    assert before.pop("label_list_sha256") != after.pop("label_list_sha256")
    assert before == after
    assert planned(config, labels=500, dataset="cifar10") == other


def test_augmentation_and_number_of_images_rerun_a_pretraining():
    config = small()
    before = slices.pretrain(config, "digits", "drl_official")
    assert before["recipe"]["augmentation"] == {"operations": 1, "flip": 0.0}
    assert slices.pretrain(config, "digits", "drl_70k")["recipe"]["augmentation"] is None
    for change in ("augmentation.operations=2", "augmentation.flip=0.5", "augmentation=null", "train_images=300"):
        other = small(f"recipes.drl_official.{change}")
        assert slices.pretrain(other, "digits", "drl_official") != before
        assert slices.pretrain(other, "digits", "drl_70k") == slices.pretrain(config, "digits", "drl_70k")


def test_only_a_pretraining_that_augments_depends_on_the_code_of_augmentation():
    config = resolve("paper")
    for name in (member for base in config.recipes for member in config.members(base)):
        settings = slices.pretrain(config, "cifar10", name)
        named = provenance.named_modules("pretrain", settings)
        augments = "drl.data.augment.laplacenet" in provenance.reached(provenance.ENTRY_POINTS["pretrain"], *named)
        assert ("drl.data.augment.laplacenet" in named, augments) == (name == "drl_official",) * 2
    assert provenance.named_modules("fine_tune", planned(config, dataset="cifar10")) == ()
    assert "drl.data.augment.laplacenet" in provenance.reached(provenance.ENTRY_POINTS["fine_tune"])


# --------------------------------------------------------------------------------------------------------- drl verify


@pytest.fixture
def made(tmp_path):
    """A folder with the files and the card of a fine-tuning."""
    settings = planned(small())
    run = FineTuning("digits", "drl", 100, 12, 0)
    out = tmp_path / "metrics" / "fine_tune" / f"{run.name}.csv"
    out.parent.mkdir(parents=True)
    outputs = [out, out.with_suffix(".safetensors")]
    for path in outputs:
        path.write_text("x")
    code = provenance.command_digest("fine_tune", settings)
    facts = {"dataset": run.dataset, "arm": run.arm, "labels": run.labels, "split": run.split, "seed": run.seed}
    provenance.write_card("fine_tune", outputs, settings, code, **facts)
    return tmp_path


def test_verify_knows_fine_tunings(made):
    assert verify(made, small()) == []
    assert verify(made, small("arms.vdrl.mixup=true", "studies.fine_tune.splits=[3]", "arms.drl.label=X")) == []
    for changed, said in [
        ("studies.fine_tune.steps=200", "made with other settings (fine_tune.steps was 110, now 200); make it again"),
        ("arms.drl.t_init=0.3", "made with other settings (arm.t_init was 0.5, now 0.3); make it again"),
        ("studies.fine_tune.padding=8", "config: studies.fine_tune.padding: 8 is too much"),
    ]:
        (line,) = verify(made, small(changed))
        assert said in line
        assert "labels100_split12_seed0.csv.json: " in line


def test_verify_names_an_arm_that_is_gone(made):
    without = overlay(part(), {})
    without["arms"] = {name: arm for name, arm in without["arms"].items() if name != "drl_mixup"}
    for item in without["items"].values():
        item["arms"] = [name for name in item.get("arms", []) if name != "drl_mixup"]
    config = load(without)
    (card,) = made.rglob("*.json")
    card.write_text(card.read_text().replace('"arm": "drl"', '"arm": "drl_mixup"'))
    (line,) = verify(made, config)
    assert f"{card}: unknown arm 'drl_mixup'; " in line


def test_verify_sees_a_classifier_that_was_changed_and_one_without_a_card(made):
    (classifier,) = made.rglob("*.safetensors")
    classifier.write_text("y")
    (line,) = verify(made, small())
    assert line == f"{classifier}: was changed after it was made; make it again"
    classifier.write_text("x")
    stray = classifier.with_name("labels200_split12_seed0.csv")
    stray.write_text("x")
    assert verify(made, small()) == [f"{stray}: has no run card; make it again"]


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("setting", "key", "said"),
    [
        ("items.table_1.arms=[non]", "items.table_1.arms", "unknown arm 'non'; did you mean 'none'?"),
        ("items.table_1.arms=[drl,drl]", "items.table_1.arms", "'drl' stands twice"),
        ("items.table_1.arms=[]", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.table_1.recipes=[drl]", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.table_1={arms: [], recipes: [drl]}", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.figure_4.arms=[drl]", "items.figure_4", "needs recipes, and no arms; give recipes"),
        ("items.figure_4={arms: [drl], recipes: []}", "items.figure_4", "needs recipes, and no arms; give recipes"),
        ("items.figure_4.labels={digits: [100]}", "items.figure_4", "only items about fine-tuning have labels and"),
        (
            "items.figure_4.beyond=[{arm: drl, in_place_of: drl, dataset: digits, labels: 100}]",
            "items.figure_4",
            "only items about fine-tuning have labels and beyond; leave them out",
        ),
        ("arms.Spare={label: S, model: null}", "arms.Spare", "use lower case letters, digits and _ in an arm's name"),
        ("arms.a-b={label: S, model: null}", "arms.a-b", "use lower case letters, digits and _ in an arm's name"),
        ("arms.a/b={label: S, model: null}", "arms.a/b", "use lower case letters, digits and _ in an arm's name"),
        ("arms.spare={label: S}", "arms.spare.model", "field required"),
        ("arms.spare={model: null}", "arms.spare.label", "field required"),
        ("arms.drl.model=drl_70", "arms.drl.model", "unknown recipe 'drl_70'; did you mean 'drl_70k'?"),
        ("arms.spare={label: S, model: drk}", "arms.spare.model", "unknown recipe 'drk'; did you mean 'drl'?"),
        ("arms.drl.mixup_sup=true", "arms.drl", "unknown key 'mixup_sup'; did you mean 'mixup"),
        ("arms.drl.until=never", "arms.drl.until", "input should be 'end' or 'early' (found 'never')"),
        ("arms.drl.t_init=0", "arms.drl.t_init", "input should be greater than 0 (found 0)"),
        ("arms.drl.t_init=1.0", "arms.drl.t_init", "input should be less than 1 (found 1.0)"),
        ("arms.drl.t_init=-0.1", "arms.drl.t_init", "input should be greater than 0"),
        ("arms.drl.t_init=.nan", "arms.drl.t_init", "input should be"),
        ("arms.drl.t_init=yes", "arms.drl", "t_init must be a number, not a yes or no"),
        ("arms.drl.t_init=find", "arms.drl.t_init", "(found 'find')"),
        ("arms.none.t_init=search", "arms.none", "search compares a model's codes at several t; give a model, or a"),
        ("studies.fine_tune.network_of=drl_70", "studies.fine_tune.network_of", "unknown recipe 'drl_70'; did you"),
        (
            "studies.fine_tune.network_of=drl_2d",
            "studies.fine_tune.network_of",
            "the encoder of 'drl_2d' is no wide_resnet; give a recipe that has one",
        ),
        (
            "studies.fine_tune.network_of=unconditional",
            "studies.fine_tune.network_of",
            "the encoder of 'unconditional' is no wide_resnet; give a recipe that has one",
        ),
        ("studies.fine_tune.labels.digit=[100]", "studies.fine_tune.labels", "unknown dataset 'digit'; did you mean"),
        ("studies.fine_tune.labels.digits=[100,100]", "studies.fine_tune.labels.digits", "100 stands twice"),
        ("studies.fine_tune.labels.digits=[0]", "studies.fine_tune.labels.digits.0", "greater than or equal to 1"),
        ("studies.fine_tune.labels.digits=100", "studies.fine_tune.labels.digits", "(found 100)"),
        ("items.table_1.labels={digit: [100]}", "items.table_1.labels", "unknown dataset 'digit'; did you mean"),
        ("items.table_1.labels={digits: [5,5]}", "items.table_1.labels.digits", "5 stands twice"),
        ("studies.fine_tune.splits=[]", "studies.fine_tune.splits", "at least 1 item"),
        ("studies.fine_tune.splits=[12,12]", "studies.fine_tune.splits", "12 stands twice"),
        ("studies.fine_tune.splits=[-1]", "studies.fine_tune.splits.0", "greater than or equal to 0 (found -1)"),
        ("studies.fine_tune.splits=with_seeds", "studies.fine_tune.splits", "(found 'with_seeds')"),
        ("studies.fine_tune.search=[0.5]", "studies.fine_tune.search", "at least 2 items"),
        ("studies.fine_tune.search=[0.5,0.5]", "studies.fine_tune.search", "0.5 stands twice"),
        ("studies.fine_tune.search=[0.0,0.5]", "studies.fine_tune.search.0", "greater than 0 (found 0.0)"),
        ("studies.fine_tune.search=[0.5,1.0]", "studies.fine_tune.search.1", "less than 1 (found 1.0)"),
        ("studies.fine_tune.labelled_batch=50", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.labelled_batch=60", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.batch_size=25", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.select=best", "studies.fine_tune.select", "input should be 'last' or 'best_val'"),
        ("studies.fine_tune.select=best_test", "studies.fine_tune.select", "input should be 'last' or 'best_val'"),
        ("studies.fine_tune.alpha=1", "studies.fine_tune.alpha", "less than 1"),
        ("studies.fine_tune.momentum=1", "studies.fine_tune.momentum", "less than 1"),
        ("studies.fine_tune.neighbours=0", "studies.fine_tune.neighbours", "greater than or equal to 1"),
        ("studies.fine_tune.versions=0", "studies.fine_tune.versions", "greater than or equal to 1"),
        ("studies.fine_tune.supervised_epochs=0", "studies.fine_tune.supervised_epochs", "greater than or equal to 1"),
        ("studies.fine_tune.flip=1.5", "studies.fine_tune.flip", "less than or equal to 1"),
        ("studies.fine_tune.padding=-1", "studies.fine_tune.padding", "greater than or equal to 0"),
        ("studies.fine_tune.early_epoch=0", "studies.fine_tune.early_epoch", "greater than or equal to 1"),
        ("studies.fine_tune.step=3", "studies.fine_tune", "unknown key 'step'; did you mean 'steps'?"),
        ("recipes.drl_official.train_images=1", "recipes.drl_official.train_images", "greater than or equal to 2"),
        ("recipes.drl_official.augmentation.flip=2", "recipes.drl_official.augmentation.flip", "less than or equal"),
        (
            "recipes.drl_official.augmentation.operation=2",
            "recipes.drl_official.augmentation",
            "unknown key 'operation'; did you mean 'operations'?",
        ),
    ],
)
def test_a_bad_setting_is_one_line_that_names_its_key(setting, key, said):
    line = complaint(setting)
    assert line.startswith(f"config: {key}: ")
    assert said in line


@pytest.mark.parametrize(
    ("arm", "in_place_of", "dataset", "said"),
    [
        ("drl_ofical", "drl", "digits", "unknown arm 'drl_ofical'; did you mean 'drl_official'?"),
        ("drl_official", "drl", "digit", "unknown dataset 'digit'; did you mean 'digits'?"),
        ("drl_official", "ae", "digits", "'ae' is no column of table_1; valid: drl, drl_mixup, none, none_mixup, vdrl"),
        ("drl_official", "drll", "digits", "'drll' is no column of table_1; did you mean 'drl'?"),
    ],
)
def test_a_row_beyond_the_paper_stands_in_a_column_that_there_is(arm, in_place_of, dataset, said):
    row = f"{{arm: {arm}, in_place_of: {in_place_of}, dataset: {dataset}, labels: 100}}"
    assert complaint(f"items.table_1.beyond=[{row}]") == f"config: items.table_1.beyond: {said}"


@pytest.mark.parametrize("missing", ["arm", "in_place_of", "dataset", "labels"])
def test_a_row_beyond_the_paper_says_all_of_it(missing):
    row = {"arm": "drl", "in_place_of": "none", "dataset": "digits", "labels": 100}
    row.pop(missing)
    line = complaint(f"items.table_2.beyond={json.dumps([row])}")
    assert line == f"config: items.table_2.beyond.0.{missing}: field required"


@pytest.mark.parametrize(
    ("sets", "item", "arm"),
    [
        (["items.table_4.arms=[none,drl_search]"], "table_4", "drl_search"),
        (["arms.drl.until=early"], "table_1", "drl"),
        (["arms.drl_official.until=early"], "table_1", "drl_official"),
        (["arms.mixup_drl.until=early"], "table_5", "mixup_drl"),
    ],
)
def test_what_stops_early_cannot_be_read_at_its_end(sets, item, arm):
    said = f"{arm!r} stops early, and {item} reads runs at their end; set arms.{arm}.until: end"
    assert complaint(*sets) == f"config: items.{item}.arms: {said}"
    assert small("items.table_2.arms=[none,drl_search]"), "Table 2 reads runs early"


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("encoder", "encoder: {width: 1}"),
        ("encoder", "encoder: {nf: 8}"),
        ("encoder", "encoder: {dropout: 0.5}"),
        ("pixels", "pixels: unit"),
        ("centre_inputs", "pixels: unit, centre_inputs: true"),
    ],
)
def test_a_model_with_another_encoder_or_other_pixels_is_refused_before_anything_is_trained(section, change):
    sets = ["recipes.x={inherits: drl_70k, " + change + "}", "arms.spare={label: S, model: x}"]
    if section == "centre_inputs":
        sets += ["recipes.drl_70k.pixels=unit", "studies.fine_tune.network_of=drl_70k", "arms.none.model=null"]
        sets += [f"recipes.{name}.pixels=unit" for name in ("vdrl_70k", "ae_70k", "drl_official", "mixup_drl_70k")]
    line = complaint(*sets, "items.table_2.arms=[none,spare]")
    assert line == (
        f"config: arms.spare.model: 'x' has another `{section}` than 'drl_70k' (studies.fine_tune.network_of); "
        "give a recipe with the same"
    )
    # The arm is no trouble while nothing shows it.
    assert load(overlay(part(), assignments(sets))).arms["spare"].model == "x"


def test_a_model_without_an_encoder_is_refused():
    line = complaint("arms.spare={label: S, model: unconditional}", "items.table_2.arms=[none,spare]")
    assert line.startswith("config: arms.spare.model: 'unconditional' has another `encoder` than 'drl_70k'")


def test_a_model_that_is_a_sweep_is_refused():
    line = complaint("arms.spare={label: S, model: drl_8d}", "items.table_2.arms=[none,spare]")
    assert line.startswith("config: ")
    assert "drl_8d-lambda0.00001" in line, "its member is named"


def test_a_model_may_differ_in_all_that_is_no_network_of_the_classifier():
    changes = "iterations: 7, batch_size: 3, score: {nf: 8}, times: {kind: sigma_uniform}"
    config = small("recipes.x={inherits: vdrl_70k, " + changes + "}", "arms.drl.model=x")
    assert Model("digits", "x", 0) in models(config, "table_1")


LABELS = "studies.fine_tune.labels, dataset 'digits': "
BEST = "studies.fine_tune.select=best_val"


@pytest.mark.parametrize(
    ("sets", "labels", "where", "said"),
    [
        ([], 9, LABELS, "9 labels cannot cover 10 classes; give at least so"),
        ([], 1298, LABELS, "1298 labels are more than its 1297 training"),
        ([BEST], 1098, LABELS, "1098 labels are more than its 1097 training"),
        (
            [],
            49,
            f"{LABELS}49 labels do not fill a batch of 50, so no",
            "give at least as many labels, or lower studies.",
        ),
        (
            [],
            1273,
            f"{LABELS}24 images without a label do not fill their 25 places",
            "; give fewer labels, or lower studies.",
        ),
        (
            [BEST],
            1073,
            f"{LABELS}24 images without a label do not fill their 25 places",
            "; give fewer labels, or lower ",
        ),
        # 2 epochs of 2 passes of 2 steps, then 47 steps an epoch
        (
            ["studies.fine_tune.steps=54"],
            100,
            f"{LABELS}studies.fine_tune.steps 54 leave no epoch",
            "; give at least 55",
        ),
        (
            ["studies.fine_tune.early_epoch=5"],
            100,
            f"{LABELS}100 labels give 4 epochs",
            " steps, or an earlier one",
        ),
        (["studies.fine_tune.padding=8"], 100, "studies.fine_tune.padding: ", "8 is too much for 8 pixels"),
        (
            [BEST, "datasets.digits.validation=0", "studies.probe.trajectory=false"],
            100,
            "datasets.digits.validation is 0 but studies.fine_tune.select is best_val",
            "; set it, or select: last",
        ),
        (
            [BEST, "datasets.digits.label_list=lists"],
            100,
            "datasets.digits.label_list: its lists name images that are held out for validation",
            "; set studies.fine_tune.select: last, or unset label_list",
        ),
    ],
)
def test_what_a_dataset_cannot_give_is_said_when_a_run_is_planned(sets, labels, where, said):
    config = small(*sets)
    line = refused(config, labels=labels)
    assert line.startswith(f"config: {where}")
    assert said in line
    assert "studies.fine_tune" in line
    # Who draws only figures that are not about fine-tuning need not care.
    assert slices.pretrain(config, "digits", "drl")


@pytest.mark.parametrize(
    ("sets", "labels"),
    [
        (["studies.fine_tune.steps=55", "studies.fine_tune.early_epoch=3"], 100),
        (["studies.fine_tune.early_epoch=4"], 100),
        (["studies.fine_tune.padding=7"], 100),
        (["studies.fine_tune.padding=0"], 100),
        ([], 50),
        (["studies.fine_tune.batch_size=10", "studies.fine_tune.labelled_batch=5", "studies.fine_tune.steps=2000"], 10),
        (["studies.fine_tune.steps=3000"], 1272),
        (["studies.fine_tune.select=best_val", "studies.fine_tune.steps=3000"], 1072),
        (["studies.fine_tune.select=best_val"], 100),
    ],
)
def test_the_last_that_fits(sets, labels):
    assert planned(small(*sets), labels=labels)["labels"] == labels


@given(st.integers(-3, 1400))
def test_any_number_of_labels_is_planned_or_refused_in_one_line(labels):
    config = small("studies.fine_tune.steps=3000")
    if 50 <= labels <= 1272:
        assert planned(config, labels=labels)["labels"] == labels
    else:
        assert "labels" in refused(config, labels=labels)


def test_names_that_there_are_not_are_refused_when_a_run_is_planned():
    config = small()
    assert refused(config, arm="drl_mixpu") == "unknown arm 'drl_mixpu'; did you mean 'drl_mixup'?"
    assert refused(config, dataset="digts") == "unknown dataset 'digts'; did you mean 'digits'?"


def test_every_item_about_fine_tuning_is_one_that_the_configuration_has():
    about = {name for name, item in ITEMS.items() if item.study == "fine_tune"}
    assert about == {*TABLES, "t_trajectory"} <= set(resolve("paper").items)


# ------------------------------------------------------------------------------- what would be found out too late

ROW = "items.table_1.beyond=[{{arm: {0}, in_place_of: none, dataset: digits, labels: 100}}]"


@pytest.mark.parametrize("key", ["items.t_trajectory.labels", "items.table_1.labels", "studies.fine_tune.labels"])
def test_a_dataset_without_labels_is_refused(key):
    line = complaint(f"{key}={{digits: []}}")
    assert line.startswith(f"config: {key}.digits: ")
    assert "at least 1 item" in line


def test_the_model_of_a_row_beyond_the_paper_has_the_network_too():
    sets = ["recipes.x={inherits: drl_70k, encoder: {nf: 8}}", "arms.spare={label: S, model: x}", ROW.format("spare")]
    assert complaint(*sets).startswith("config: arms.spare.model: 'x' has another `encoder` than 'drl_70k'")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("recipes.drl_70k.batch_size=5000", "recipes.drl_70k.batch_size: 5000 is more than the 1297 training images"),
        ("recipes.drl_official.train_images=20", "recipes.drl_official.batch_size: 100 is more than the 20 training"),
        ("recipes.drl_official.train_images=1298", "recipes.drl_official.train_images: 1298 are more than the 1297"),
        ("recipes.vdrl_70k.score.channel_multipliers=[1,1,1,1,1]", "recipes.vdrl_70k.score.channel_multipliers: 5 lev"),
        ("recipes.ae_70k.start_from=ae_70", "recipes.ae_70k.start_from: unknown recipe 'ae_70'"),
    ],
)
def test_where_fine_tuning_starts_is_checked_before_it_is_trained(setting, said):
    assert complaint(setting).startswith(f"config: {said}")


def test_a_row_beyond_the_paper_that_is_a_column_makes_no_run_twice():
    config = small(ROW.format("drl"))
    assert len(fine_tunings(config, "table_1")) == len(set(fine_tunings(config, "table_1"))) == 5


def test_the_trajectory_runs_only_what_it_draws():
    config = small("studies.fine_tune.labels.digits=[200,300]")
    assert {run.labels for run in fine_tunings(config, "t_trajectory")} == {200}
    assert slices.figure(config, "t_trajectory")["labels"] == {"digits": 200}


def test_the_trajectory_has_one_start_an_arm():
    line = complaint("items.t_trajectory.arms=[drl,drl_search]")
    assert line.startswith("config: items.t_trajectory.arms: 'drl_search' searches its start of t")


def test_a_model_may_be_a_member_of_a_sweep_and_not_the_sweep():
    sweep = "recipes.swept={inherits: drl_70k, sweep: {lambda: [1.0e-5, 1.0e-4]}}"
    config = small(sweep, "arms.drl.model=swept-lambda0.0001")
    assert {m.recipe for m in models(config, "table_2")} == {"swept-lambda0.0001"}
    assert "swept: is a sweep; name one of its members" in complaint(sweep, "arms.drl.model=swept")
