"""What is written for each scale: arms, starts, numbers of labels."""

import numpy as np
import pytest

from drl.config.resolve import recipe
from drl.config.schema import SCALES
from drl.laplacenet.schedule import Schedule
from tests.config.fine_tuning.shared import TABLES, resolve
from tests.job_settings import fine_tunings


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
        # At scale lite, the arms about t run to the end of the schedule, where t ends.
        end = "end" if scale == "lite" and name.startswith("drl_t") else until
        assert (arm.weight_decay_on_t, arm.until) == (weight_decay_on_t, end)
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
        schedule = Schedule.of(run.about["labels"], config.datasets[run.about["dataset"]].train, study)
        assert schedule.supervised_epochs < study.early_epoch < schedule.epochs
        if scale != "demo":  # which has four epochs
            assert study.early_epoch / schedule.epochs == pytest.approx(100 / 260, abs=0.14)


@pytest.mark.parametrize(("scale", "dataset"), [("demo", "digits"), ("lite", "fashion_mnist_10k")])
def test_smaller_scales_have_one_dataset_with_ten_labels_a_class(scale, dataset):
    config = resolve(scale)
    for item in (*TABLES, "t_trajectory"):
        assert config.item_datasets(item) == (dataset,)
        # "Helps most with few labels" takes more than one number of labels.
        several = scale == "lite" and item in ("table_1", "table_2", "table_5")
        assert config.item_labels(item, dataset) == ((100, 1000) if several else (100,))
