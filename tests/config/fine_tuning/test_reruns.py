"""What reruns a fine-tuning, and what does not."""

import pytest

from drl.config.fine_tuning import FineTuneSettings
from drl.pipeline.studies.training import FINE_TUNE, PRETRAIN
from drl.records import code_digest
from tests.config.fine_tuning.shared import planned, refused, resolve, small
from tests.job_settings import settings_of


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
        "datasets.digits={title: X, download: false, validation: 100}",
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
    assert settings_of("pretrain", one, "digits", "drl_70k") == settings_of("pretrain", two, "digits", "drl_70k")
    assert settings_of("probe", one, "digits", "drl") == settings_of("probe", two, "digits", "drl")


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
        ("recipes.drl.encoder.width=1", "encoder"),
        ("recipes.drl.encoder.dropout=0.1", "encoder"),
        ("recipes.drl.pixels=unit", "pixels"),
        ("recipes={drl: {pixels: unit, centre_inputs: true}, drl_2d: {centre_inputs: false}}", "centre_inputs"),
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
    before = settings_of("pretrain", config, "digits", "drl_official")
    assert before["recipe"]["augmentation"] == {"operations": 1, "flip": 0.0}
    assert settings_of("pretrain", config, "digits", "drl_70k")["recipe"]["augmentation"] is None
    for change in ("augmentation.operations=2", "augmentation.flip=0.5", "augmentation=null", "train_images=300"):
        other = small(f"recipes.drl_official.{change}")
        assert settings_of("pretrain", other, "digits", "drl_official") != before
        assert settings_of("pretrain", other, "digits", "drl_70k") == settings_of(
            "pretrain", config, "digits", "drl_70k"
        )


def test_only_a_pretraining_that_augments_depends_on_the_code_of_augmentation():
    config = resolve("paper")
    for name in (member for base in config.recipes for member in config.members(base)):
        _, *named = PRETRAIN.code(PRETRAIN.settings(config, "cifar10", name))
        augments = "drl.data.augment.laplacenet" in code_digest.reached(PRETRAIN.module, *named)
        assert ("drl.data.augment.laplacenet" in named, augments) == (name == "drl_official",) * 2
    fine_tuning = FINE_TUNE.code(FINE_TUNE.parsed(planned(config, dataset="cifar10")))
    assert fine_tuning == ("drl.laplacenet.fine_tune",)
    assert "drl.data.augment.laplacenet" in code_digest.reached(*fine_tuning)
