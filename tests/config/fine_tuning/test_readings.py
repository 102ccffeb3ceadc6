"""Which epoch each table reads, and what makes a table anew."""

import pytest

from tests.config.fine_tuning.shared import FEWEST, SETTINGS, TABLES, resolve, small
from tests.job_settings import settings_of


def test_tables_2_and_3_read_the_runs_early_and_the_others_at_their_end():
    config = resolve("paper")
    for number, item in enumerate(TABLES, start=1):
        settings = settings_of("table", config, item)
        assert settings["number"] == number
        assert settings["reading"] == {"epoch": 100 if number in (2, 3) else None, "select": "last"}
        shown = [(arm["name"], arm["label"], arm["baseline"]) for arm in settings["arms"]]
        assert shown == [(n, config.arms[n].label, n.startswith("none")) for n in config.items[item].arms]
        assert "early" not in settings
        wanted = FEWEST if number in (3, 4) else SETTINGS
        assert [(name, n) for name, labels in settings["labels"] for n in labels] == wanted
        assert (settings["seeds"], settings["splits"]) == ([0], [12])
    (row,) = settings_of("table", config, "table_1")["beyond"]
    assert (row["arm"], row["in_place_of"], row["dataset"], row["labels"]) == ("drl_official", "drl", "cifar10", 4000)
    assert row["label"] == config.arms["drl_official"].label
    assert all(not settings_of("table", config, item)["beyond"] for item in TABLES[1:])


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
    assert {item for item in shown if settings_of("figure", one, item) != settings_of("figure", two, item)} == again
