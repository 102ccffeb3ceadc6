import pytest

from drl.config.items import item_kind, item_number
from drl.pipeline import slices
from drl.pipeline.configuration import resolve
from drl.pipeline.items import ITEMS


@pytest.mark.parametrize("budgets", ["[100,300,1000,all]", "[1000,300,100,all]", "[300,100,70,1000,all]"])
def test_the_order_of_label_budgets_does_not_change_what_a_figure_shows(budgets):
    config = resolve("demo", sets=[f"studies.probe.label_budgets={budgets}"])
    shown = [slices.figure(config, f"figure_{n}")["budgets"]["digits"] for n in (9, 10, 11, 4)]
    assert shown == [100, 300, 1000, 1297]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("figure_4", "figure"), ("table_12", "table"), ("theory", "diagnostic"), ("figure_of_mine", "diagnostic")],
)
def test_an_item_s_name_says_its_kind(name, kind):
    assert item_kind(name) == kind


def test_facts_of_items_are_the_registry_s():
    config = resolve("paper")
    for name, item in ITEMS.items():
        known = config.items[name]
        for fact in ("shows", "section", "study", "needs", "drawn_by", "trajectory"):
            assert getattr(known, fact) == getattr(item, fact), name
        about = {} if known.table is None else {"number": item_number(name)} | known.table.slice()
        assert (item_kind(name), about) == (item.kind, dict(item.settings))
