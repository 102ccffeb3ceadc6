"""Settings of drawings: which class an item's are, and which of them choose its numbers."""

import pytest

from drl.config.drawings import FewShotItem, FineTuningItem, ItemJob, ProbeItem, TrajectoryItem, parse_item

PROBE = ProbeItem(
    study="probe",
    drawn_by="probe_curves",
    scale="lite",
    datasets=[["a", "Data A"]],
    recipes=[["drl", "DRL"], ["ae", "AE"]],
    budgets={"a": 50},
)
TABLE = FineTuningItem(
    study="fine_tune",
    number=3,
    layout="arms_down",
    datasets=[["a", "Data A"]],
    arms=[{"name": "drl", "label": "DRL", "baseline": False}],
    labels=[["a", [100]]],
    reading={"epoch": 3, "select": "last"},
    seeds=[0],
    splits=[12],
)
LINES = TrajectoryItem(
    study="fine_tune",
    datasets=[["a", "Data A"]],
    arms=[{"name": "drl", "label": "DRL", "t_init": "search", "weight_decay_on_t": True}],
    labels={"a": 100},
)
FEW_SHOT = FewShotItem(study="few_shot", datasets=[["a", "A"]], labels=[100], choices={"drl": ["drl-lambda1"]})
OTHER = ItemJob(study="code_swap", datasets=[["a", "A"]], recipes=[["drl", "DRL"]])


@pytest.mark.parametrize("settings", [PROBE, TABLE, LINES, FEW_SHOT, OTHER])
def test_plain_values_become_the_class_of_their_study_again(settings):
    assert parse_item(settings.slice()) == settings
    chosen = parse_item(settings.choosing())
    assert type(chosen) is type(settings)
    assert chosen.choosing() == settings.choosing()


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (PROBE, {"datasets": (("a", "Another title"),)}),
        (PROBE, {"drawn_by": "bars"}),
        (PROBE, {"trajectory": True}),
        (TABLE, {"layout": "settings_down"}),
        (TABLE, {"published": "digest"}),
    ],
)
def test_how_an_item_looks_does_not_choose_its_numbers(settings, changes):
    changed = settings.model_copy(update=changes)
    assert changed.slice() != settings.slice()
    assert changed.choosing() == settings.choosing()


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        (PROBE, {"datasets": (("b", "Data A"),)}),
        (PROBE, {"recipes": (("drl", "DRL"),)}),
        (PROBE, {"budgets": {"a": 60}}),
        (TABLE, {"labels": (("a", (500,)),)}),
        (TABLE, {"reading": TABLE.reading.model_copy(update={"epoch": None})}),
    ],
)
def test_what_chooses_numbers_is_kept(settings, changes):
    assert settings.model_copy(update=changes).choosing() != settings.choosing()
