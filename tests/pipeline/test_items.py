from pathlib import Path

import pytest

from drl.config.items import item_kind
from drl.costs.items_table import known_costs, markdown_table, short_table
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.items import item_name, known_item, measurements, models
from tests.job_settings import ITEMS, trained

ROOT = Path(__file__).resolve().parents[2]


def table():
    return markdown_table(resolve("paper"), known_costs())


def test_the_registry_knows_every_figure_and_table_of_the_paper():
    wanted = {f"figure_{k}" for k in range(2, 14)} | {f"table_{k}" for k in range(1, 7)}
    assert {name for name in ITEMS if item_kind(name) != "diagnostic"} == wanted


@pytest.mark.parametrize(
    ("page", "mark", "made"),
    [
        ("docs/costs.md", "items: made by `drl items`", table),
        ("README.md", "short items: made by `drl items --short`", lambda: short_table(resolve("paper"))),
    ],
)
def test_pages_hold_the_tables(page, mark, made):
    between = (ROOT / page).read_text().split(f"<!-- {mark}, checked by a test -->")[1].split("<!-- /")[0]
    assert between.strip() == made(), f"call the command in the mark, and put what it prints into {page}"


def test_models_of_an_item_are_the_product_of_its_axes():
    config = resolve("demo", sets=["seeds=[3,5]", "dataset=digits"])
    assert models(config, "figure_4") == tuple(
        trained("digits", recipe, seed) for recipe in config.items["figure_4"].recipes for seed in (3, 5)
    )
    assert measurements(config, "figure_4")[0] == "metrics/probe/digits/vdrl/seed3.csv"
    assert measurements(config, "code_usage")[0] == "models/digits/vdrl/seed3/code_usage.csv"


def test_items_that_share_a_study_share_its_models():
    config = resolve("paper")
    assert set(models(config, "code_usage")) <= set(models(config, "figure_4"))


def test_names():
    assert item_name("figure", "4") == item_name("figure", "figure_4") == "figure_4"
    assert item_name("table", "1") == "table_1"
    with pytest.raises(UserError, match="unknown item 'figure_44'"):
        known_item(resolve("demo"), item_name("figure", "44"))


def test_every_item_stands_in_the_table_with_its_command():
    lines = table().splitlines()
    for name in ITEMS:
        (line,) = [row for row in lines if row.startswith(f"| {name.replace('_', ' ').capitalize()} (")]
        assert f"`snakemake {name}`" in line
