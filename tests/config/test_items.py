import pytest

from drl.config.items import item_kind
from drl.pipeline.configuration import resolve
from tests.job_settings import settings_of


@pytest.mark.parametrize("budgets", ["[100,300,1000,all]", "[1000,300,100,all]", "[300,100,70,1000,all]"])
def test_the_order_of_label_budgets_does_not_change_what_a_figure_shows(budgets):
    config = resolve("demo", sets=[f"studies.probe.label_budgets={budgets}"])
    shown = [settings_of("figure", config, f"figure_{n}")["budgets"]["digits"] for n in (9, 10, 11, 4)]
    assert shown == [100, 300, 1000, 1297]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("figure_4", "figure"), ("table_12", "table"), ("theory", "diagnostic"), ("figure_of_mine", "diagnostic")],
)
def test_an_item_s_name_says_its_kind(name, kind):
    assert item_kind(name) == kind
