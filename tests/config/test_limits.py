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
    started = time.perf_counter()
    with pytest.raises(UserError, match=said) as caught:
        resolve("demo", sets=sets)
    assert time.perf_counter() - started < 5, "on a busy machine; one second on an idle one"
    assert len(str(caught.value)) < 600
