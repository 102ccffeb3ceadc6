"""The first page of a report of some items."""

import re

import pandas as pd

from drl.pipeline.items import measurements
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.report_page import page
from tests.verdict.test_pages import CONFIG, html, results

__all__ = ["results"]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"


def about(*items):
    return [claim.says for claim in CLAIMS.values() if {*items} & {*claim.items}]


def text(made):
    return " ".join(re.sub("<[^>]+>", " ", made).split())


def test_one_figure_comes_first_and_only_its_claims_follow(results):
    (results / "figures" / "figure_12.svg").write_bytes(SVG)
    made = html(page(results, CONFIG, [f"{results}/figures/figure_12.svg", f"{results}/figures/figure_12.svg.json"]))
    assert re.search(r"<h1[^>]*>Figure 12: silhouette of codes against the single t trained on</h1>", made)
    assert made.index("<img") < made.index("The claims about this item")
    assert "The verdict" not in made
    rows = made.count("<strong>supported</strong>") + made.count("<strong>undecided</strong>")
    rows += made.count("<strong>refuted</strong>") + made.count("<strong>not run</strong>")
    assert rows == len(about("figure_12"))
    others = len(CLAIMS) - len(about("figure_12"))
    assert f"{others} claims concern items that are not in this report; drl claims --scale lite decides" in text(made)


def test_a_table_stands_on_the_page(results):
    made = html(page(results, CONFIG, [f"{results}/tables/table_1.csv"]))
    assert "94.57 ± 0.40" in made
    assert 'href="javascript:app.showResultInfo(%22' in made


def test_several_items_are_links_with_their_claims(results):
    files = [f"{results}/tables/table_1.csv", f"{results}/figures/figure_12.svg"]
    made = html(page(results, CONFIG, files))
    assert re.search(r"<h1[^>]*>Figure 12, Table 1</h1>", made)
    assert {name for name in re.findall(r">([^<>]+)</a>", made) if "docs" not in name} == {"Figure 12", "Table 1"}
    assert f"{len(about('figure_12', 'table_1'))} claims rest on these items" in made


def test_many_items_do_not_all_stand_in_the_title(results):
    items = ("figure_2", "figure_3", "figure_4", "figure_5")
    assert ">4 figures and tables</h1>" in html(page(results, CONFIG, [f"{results}/figures/{i}.svg" for i in items]))


def test_without_a_ledger_the_page_says_what_to_do(results):
    (results / "claims.csv").unlink()
    made = text(html(page(results, CONFIG, [f"{results}/figures/figure_12.svg"])))
    assert f"{len(about('figure_12'))} claims rest on this item, not decided yet: run drl claims --scale lite" in made


def test_a_ledger_without_its_claims_is_as_none(results):
    claims = pd.read_csv(results / "claims.csv", keep_default_na=False)
    claims[~claims["items"].str.contains("figure_12")].to_csv(results / "claims.csv", index=False)
    made = text(html(page(results, CONFIG, [f"{results}/figures/figure_12.svg"])))
    assert "rest on this item, not decided yet" in made


def test_items_without_any_card_say_nothing_of_how_they_were_made(results):
    (results / "claims.csv.json").unlink()
    made = html(page(results, CONFIG, [f"{results}/tables/table_1.csv", f"{results}/figures/figure_12.svg"]))
    assert "How it was made" not in made


def test_an_item_without_claims_says_so(results):
    assert not about("figure_13")
    made = text(html(page(results, CONFIG, [f"{results}/figures/figure_13.svg"])))
    assert "No claim rests on this item." in made
    assert f"{len(CLAIMS)} claims concern items that are not in this report" in made


def test_measurements_that_came_later_are_named(results):
    made = text(html(page(results, CONFIG, [f"{results}/figures/figure_12.svg"])))
    assert "newer" not in made
    measured = results / measurements(CONFIG, "figure_12")[0]
    measured.parent.mkdir(parents=True)
    measured.write_text("t\n")
    made = text(html(page(results, CONFIG, [f"{results}/figures/figure_12.svg"])))
    assert "1 file is newer and not included: run drl claims again." in made
