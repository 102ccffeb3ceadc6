"""Measurements and counts of small networks."""

import math
from typing import ClassVar

import pytest
import torch

from drl.config.resolve import recipe as resolve_recipe
from drl.costs import measure, rates
from drl.costs.book import Book, Device
from drl.costs.jobs import Amounts, job_table
from drl.costs.measure import Meter
from drl.costs.operations import operations_of, size_of
from drl.costs.plan import needed
from drl.costs.rates import rates_of
from drl.methods.base import ImageFacts
from drl.methods.build import build_method
from drl.methods.describe import operations
from drl.pipeline.configuration import resolve
from drl.pipeline.units import HOST, NETWORK, WorkUnit
from tests import tiny
from tests.job_settings import trained

ITEMS = ("figure_2", "figure_4", "figure_8", "table_1", "table_6", "theory")
SKIPPED = ("start", "inception")  # seconds each
AMOUNTS = Amounts(resolve("demo"))
RUN = AMOUNTS.config.run.slice() | {"device": "cpu"}


@pytest.fixture(scope="module")
def loads():
    return needed(AMOUNTS, job_table(AMOUNTS.config, ITEMS)["job"])


@pytest.fixture
def brief(monkeypatch):
    monkeypatch.setattr(measure, "TIMED_SECONDS", 0.0)
    monkeypatch.setattr(measure, "FULL_SECONDS", 0.05)
    monkeypatch.setattr(measure, "STEP_SECONDS", 0.02)


def one_of_each(loads):
    return {known.kind: known for known in loads if known.kind not in SKIPPED}


@pytest.mark.parametrize("unit", sorted({*NETWORK, *HOST} - {*SKIPPED}))
def test_each_kind_of_work_is_measured(loads, unit, brief):
    seconds = Meter("cpu", "auto", "auto", 1).seconds(one_of_each(loads)[unit])
    assert 0 < seconds < 60
    assert math.isfinite(seconds)


def test_more_operations_take_longer(brief):
    meter = Meter("cpu", "fp32", "off", 1)
    spec = {"sets": 1, "seeds": 1, "hidden": 64, "batch": 64, "classes": 10}
    recipe = resolve_recipe(AMOUNTS.config, "drl", "digits")
    small, large = (
        meter.seconds(WorkUnit.of("probe", "", features, **spec, features=features, recipe=recipe))
        for features in (8, 16_000)
    )
    assert large > 3 * small


@pytest.mark.parametrize(
    "recipe", [*tiny.KINDS, "drl_8d-lambda0.00001", "ae_8d-lambda0.00001", "drl_2d_focus", "drl_edm"]
)
def test_operations_are_those_of_describe(recipe, tmp_path):
    job = trained("digits", recipe, 0)
    known = next(work.unit for work in AMOUNTS.of(job) if work.unit.kind == "train")
    book = Book(tmp_path / "rates.json")
    resolved, facts = resolve_recipe(AMOUNTS.config, recipe, "digits"), ImageFacts(1, 8, 10)
    method = build_method(resolved, facts, torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    if resolved.freeze == "encoder":
        method.code_network().requires_grad_(False)
    counted = operations(method, facts)[1]
    assert operations_of(known, book) == pytest.approx(2 * counted, rel=0.02)
    assert Book(tmp_path / "rates.json").get("operations", "train", known.key) == book.get(
        "operations", "train", known.key
    )


def test_all_networks_have_operations(loads, tmp_path):
    book = Book(tmp_path / "rates.json")
    assert all(operations_of(unit, book) > 0 for kind, unit in one_of_each(loads).items() if kind in NETWORK)


def test_sizes_are_those_of_the_networks(tmp_path):
    recipe, facts = resolve_recipe(AMOUNTS.config, "vdrl", "digits"), ImageFacts(1, 8, 10)
    neutral = torch.ones(1, 1, 1, 1)
    method = build_method(recipe, facts, neutral, neutral)
    size = size_of(recipe, (1, 8, 10), Book(tmp_path / "rates.json"))
    assert size.trained == 4 * sum(value.numel() for value in method.parameters())
    assert size.encoder == sum(value.numel() * value.element_size() for value in method.encoder.state_dict().values())
    assert size == size_of(recipe, (1, 8, 10), Book(tmp_path / "rates.json"))


class Fixed:
    """A meter that takes no time."""

    asked: ClassVar[list[str]] = []

    def __init__(self, *_):
        pass

    def seconds(self, known):
        Fixed.asked.append(known.title)
        return 0.5


@pytest.fixture
def fixed(monkeypatch):
    Fixed.asked = []
    monkeypatch.setattr(rates, "meter_of", Fixed)
    monkeypatch.setattr(rates.os, "getloadavg", lambda: (0.0, 0.0, 0.0))


def test_a_second_plan_measures_nothing(loads, tmp_path, fixed):
    book, device = Book(tmp_path / "rates.json"), Device.here(RUN, 1)
    first = rates_of(loads, book, device, RUN)
    assert len(Fixed.asked) == len(loads)
    assert {rate.how for rate in first.values()} == {"measured"}
    assert rates_of(loads, Book(tmp_path / "rates.json"), device, RUN) == first
    assert len(Fixed.asked) == len(loads)
    rates_of(loads, book, device, RUN, afresh=True)
    assert len(Fixed.asked) == 2 * len(loads)


def test_rates_of_a_busy_machine_are_used_but_not_kept(loads, tmp_path, fixed, monkeypatch, capsys):
    monkeypatch.setattr(rates.os, "getloadavg", lambda: (1000.0, 0.0, 0.0))
    book, device = Book(tmp_path / "rates.json"), Device.here(RUN, 1)
    assert {rate.seconds for rate in rates_of(loads, book, device, RUN).values()} == {0.5}
    assert "other programs use this machine" in capsys.readouterr().err
    assert Book(tmp_path / "rates.json").entries == {}


def test_without_time_networks_are_scaled_or_unknown(loads, tmp_path, fixed):
    book, device = Book(tmp_path / "rates.json"), Device.here(RUN, 1)
    found = rates_of(loads, book, device, RUN, minutes=0)
    assert {rate.how for known, rate in found.items() if known.kind in HOST} == {"measured"}
    assert {rate.how for known, rate in found.items() if known.kind in NETWORK} == {"unknown"}
    one = next(known for known in loads if known.kind == "train")
    book.put(1e-3, device.key, "train", one.key)
    found = rates_of(loads, book, device, RUN, measure=False)
    assert {rate.how for known, rate in found.items() if known.kind == "train" and known != one} == {"scaled"}


def test_an_assumed_device_is_marked_and_networks_are_not_measured(loads, tmp_path, fixed):
    found = rates_of(loads, Book(tmp_path / "rates.json"), Device.here(RUN, 1), RUN, per_second=1e12)
    assert {rate.how for known, rate in found.items() if known.kind in NETWORK} == {"assumed"}
    assert len(Fixed.asked) == sum(known.kind in HOST for known in loads)
