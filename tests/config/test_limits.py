"""Configurations that are too large are refused in one line, at once."""

import time

import pytest

from drl.errors import UserError
from drl.pipeline.configuration import resolve

FEW = ", ".join(str(value / 1000) for value in range(1000))
DATASET = "{title: x, source: digits, classes: 10, channels: 1, image_size: 8, train: 100, test: 50, validation: 20}"


def chain(count, key):
    parts = [f"r{i}: {{label: x, inherits: drl, {key}: {f'r{i - 1}' if i else 'drl'}}}" for i in range(count)]
    return f"recipes={{{', '.join(parts)}}}".replace("inherits: drl, inherits", "inherits")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (["seeds=1000000"], "config: seeds: 1000000 seeds are too many; give at most 1000"),
        ([f"seeds='{'9' * 5000}'"], "config: seeds: "),
        ([f"seeds=[{', '.join(map(str, range(2000)))}]"], "config: seeds: "),
        ([chain(1500, "inherits")], r"1,5\d\d recipes, with the members of sweeps, for 8 datasets are too many"),
        ([chain(60, "inherits")], "inherits from more than 30 recipes"),
        ([chain(60, "start_from"), "items.figure_4.recipes=[r59]"], "more than 30 recipes start one from the other"),
        ([f"recipes.drl_8d.sweep={{lambda: [{FEW}], t: [{FEW}]}}"], "1,000,000 members; give at most 128"),
        (["recipes.drl_8d.sweep={t: [.inf]}"], "must be a list of different numbers"),
        (["recipes.drl_8d.sweep={t: {1: 2}}"], "must be a list of different numbers"),
        ([f"datasets={{{', '.join(f'd{i}: {DATASET}' for i in range(500))}}}"], "for 508 datasets are too many"),
        (
            [f"studies.fine_tune.labels.digits=[{', '.join(map(str, range(20, 5020)))}]"],
            "25,001 runs are too many; give fewer seeds, labels",
        ),
        (["datasets.digits.title=2024"], "should be a valid string .found 2024.; put quotes around it"),
        (["recipes.drl.for_dataset={1: {}}"], "unknown dataset 1; "),
    ],
)
def test_too_much_is_refused_at_once(sets, said):
    refused_at_once(sets, said)


@pytest.mark.parametrize(
    "words",
    [
        *("datasets.digits.image_size=10000", "datasets.digits.image_size=1000000", "studies.study.image_size=1025"),
        *("datasets.digits.train=10000000000", "datasets.digits.test=10000000000"),
        "studies.probe.hidden=100000000",
        *("studies.latent_grid.cells=101", "studies.one_code.columns=101", "studies.code_swap.classes=1001"),
        *("studies.later_start.images=1000001", "studies.later_start.shown=101"),
        *(f"studies.theory.network.{name}=100000000" for name in ("hidden", "depth", "frequencies")),
        *(f"studies.theory.{name}=10000000000" for name in ("batch_size", "draws", "nodes", "paths", "train", "test")),
        *(f"studies.theory.mixture.spread={value}" for value in ("1e-200", "0", "1e-7", "1e200")),
    ],
)
def test_a_size_that_no_machine_has_room_for_is_refused_at_once(words):
    refused_at_once([words], rf"config: {words.partition('=')[0]}: input should be (less|greater) than or equal to ")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (
            ["datasets.digits.image_size=1000", "datasets.digits.train=200000"],
            "GB of memory, more than 137; lower image_size",
        ),
        (["studies.theory.mixture.planes=[{points: 100, radius: 1}, {points: 100, radius: 1}]"], "10,000 Gaussians"),
        ([f"studies.theory.mixture.planes=[{', '.join(['{points: 2, radius: 1}'] * 9)}]"], "at most 8"),
        (["studies.theory.mixture.planes=[{points: 4, radius: 1e200}]"], "radius: "),
    ],
)
def test_sizes_that_multiply_are_refused_at_once(sets, said):
    refused_at_once(sets, said)


def refused_at_once(sets, said):
    started = time.perf_counter()
    with pytest.raises(UserError, match=said) as caught:
        resolve("demo", sets=sets)
    assert time.perf_counter() - started < 5, "on a busy machine; one second on an idle one"
    assert len(str(caught.value)) < 600
