"""The configuration of fine-tuning at its smallest, and what it says to a change."""

from functools import cache

import pytest

from drl.config.layers import FILES, FOLDER, Layer, assignments, layers, merged, read_yaml
from drl.config.merge import merge
from drl.errors import UserError
from drl.pipeline.configuration import load
from drl.pipeline.configuration import resolve as read
from tests.job_settings import settings_of

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
OTHERS = ("unconditional", "supervised", "drl_8d", "drl_best")

resolve = cache(lambda scale, sets=(): read(scale, sets=sets))


@cache
def part():
    """Return demo scale's configuration without what has no part in fine-tuning, with the paper's networks."""
    whole = merged(layers([]))
    # Not those of the scale.
    whole["recipes"] = merged([Layer(name, read_yaml(FOLDER / name)) for name in FILES])["recipes"]
    whole["datasets"] = {name: whole["datasets"][name] for name in DATASETS}
    whole["studies"]["learning_speed"]["pairs"] = []
    whole["datasets"]["cifar10"] |= {"train": 1200, "test": 100, "validation": 100}
    whole["studies"]["fine_tune"]["labels"] = {"digits": [100], "cifar10": [100, 500]}
    whole["recipes"] = {name: dict(whole["recipes"][name]) for name in RECIPES + OTHERS}
    for section in whole["recipes"].values():
        section.pop("for_dataset", None)
    whole["recipes"]["drl_official"] |= {"train_images": 400, "augmentation": {"flip": 0.0}}
    whole["items"] = {name: whole["items"][name] for name in (*TABLES, "t_trajectory", "figure_4")}
    whole["items"]["figure_4"] |= {"datasets": ["digits"], "recipes": ["drl"]}
    for name in TABLES[2:4]:
        whole["items"][name]["labels"] = {"digits": [100]}
    return whole


@cache
def small(*sets: str):
    return load(merge(part(), assignments(sets)))


def complaint(*sets: str) -> str:
    with pytest.raises(UserError) as caught:
        load(merge(part(), assignments(sets)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def planned(config, arm="drl", labels=100, dataset="digits"):
    return settings_of("fine_tune", config, dataset, arm, labels)


def refused(config, arm="drl", labels=100, dataset="digits") -> str:
    with pytest.raises(UserError) as caught:
        planned(config, arm, labels, dataset)
    assert "\n" not in str(caught.value)
    return str(caught.value)
