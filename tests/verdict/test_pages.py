"""What the report says beyond its captions, as docutils reads it."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from docutils.core import publish_parts
from docutils.utils import SystemMessage

from drl.config.items import item_kind
from drl.errors import UserError
from drl.files import sha256
from drl.pipeline.configuration import resolve
from drl.verdict.comparison import comparison
from drl.verdict.evidence import Evidence
from drl.verdict.item_facts import item_facts
from drl.verdict.late_text import LateText
from drl.verdict.ledger import ledger
from drl.verdict.ledger_page import in_short, number
from drl.verdict.report_page import page as report_page
from drl.verdict.rst import escape, list_table
from drl.verdict.written import read_claims
from tests.cards import WHOLE
from tests.job_settings import BUILT
from tests.verdict.measured import claims_job, compare_job

MNIST5K = Path(__file__).resolve().parents[2] / "docs" / "results" / "mnist5k"
# On digits, whose results are at hand.
ON_DIGITS = ["figure_12.datasets=[mnist5k]", "table_1.datasets=[mnist5k]", "table_1.beyond=[]"]
CONFIG = resolve("lite", sets=[f"items.{one}" for one in ON_DIGITS])


def html(text):
    """Render as Snakemake does, but stop at the first complaint. Links are to files of the report."""
    links = "\n".join(f".. _{item}.{kind}.json: x" for item in BUILT for kind in ("svg", "csv"))
    return publish_parts(f"{text}\n{links}\n", writer="html", settings_overrides={"halt_level": 2})["html_body"]


@pytest.fixture
def results(tmp_path):
    """A folder of results with a ledger and a comparison."""
    cells = {"figure_12": pd.read_csv(MNIST5K / "figure_12.csv")}
    found = cells["figure_12"].rename(columns={"mean": "value", "n_seeds": "n"})
    cells["figure_12"] = found.assign(replicate="mean", arm="", labels=None)
    ledger(Evidence("lite", claims_job(CONFIG).parsed(), cells), 0.95).to_csv(tmp_path / "claims.csv", index=False)
    comparison({"table_1": pd.read_csv(MNIST5K / "table_1.csv")}, compare_job(CONFIG)).to_csv(
        tmp_path / "comparison.csv", index=False
    )
    (tmp_path / "figures").mkdir()
    card = WHOLE | {"git": {"commit": "0123456789abcdef", "dirty": True}, "versions": {"torch": "2.13.0"}}
    (tmp_path / "figures" / "figure_12.svg.json").write_text(json.dumps(card))
    (tmp_path / "claims.csv.json").write_text(json.dumps(card))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "table_1.md").write_text((MNIST5K / "table_1.md").read_text())
    return tmp_path


def test_the_page_opens_on_the_verdict(results):
    page = html(report_page(results, CONFIG))
    heads = ("The verdict", "The paper's claims", "Printed numbers", "How it was made")
    assert [page.index(head) for head in heads] == sorted(page.index(head) for head in heads)
    assert "1 supported" in page
    assert "A model trained at a small t alone encodes almost no class." in page
    assert "0123456789ab with changes" in page
    assert "torch 2.13.0" in page


def test_claims_beyond_the_paper_are_counted_apart_also_when_read_from_the_file(results):
    made = pd.read_csv(results / "claims.csv").drop_duplicates("claim")["beyond"]
    assert made.dtype == bool
    said = in_short(read_claims(results / "claims.csv"))
    assert said.startswith(f"{(~made).sum()} claims: ")
    assert f"; and {made.sum()} beyond the paper: " in said
    assert said == in_short(pd.read_csv(results / "claims.csv"))


def test_the_verdict_leads_to_every_item_and_to_the_comparison(results):
    main = {item: f"{results}/{'tables' if item_kind(item) == 'table' else 'figures'}/{item}" for item in CONFIG.items}
    files = [f"{path}.{'csv' if item_kind(item) == 'table' else 'svg'}" for item, path in main.items()]
    files.append(f"{results}/comparison.csv")
    page = html(report_page(results, CONFIG, files))
    assert "The verdict" in page
    links = re.findall(r'href="javascript:app[^"]*%22([^"]+?)%22', page)
    assert sorted({*links}) == sorted(files)
    assert "javascript" not in html(report_page(results, CONFIG)), "a link leads to a file that is not in the report"


def test_without_anything_the_page_says_what_to_do(tmp_path):
    page = html(report_page(tmp_path, CONFIG))
    assert "drl claims" in page
    assert "drl compare" in page


def test_demo_is_called_a_machinery_check(tmp_path):
    assert "Machinery check, not evidence" in html(report_page(tmp_path, resolve("demo")))


@pytest.mark.parametrize("item", BUILT)
def test_every_item_says_its_claims_cost_and_card(results, item):
    text = html(item_facts(item, results, CONFIG))
    assert "Cost" in text
    assert f"{item}.{'csv' if item_kind(item) == 'table' else 'svg'}.json" in text


def test_a_figure_names_the_claims_that_rest_on_it(results):
    text = html(item_facts("figure_12", results, CONFIG))
    assert "A model trained at a high t encodes less of the class again." in text
    assert "Drawn at commit 0123456789ab with changes." in text
    assert "prints no numbers" in text


def test_a_table_is_shown_whole(results):
    text = html(item_facts("table_1", results, CONFIG))
    assert "94.57 ± 0.40" in text
    assert "55 numbers: 3 not comparable at this scale, 52 not run." in text
    shown = re.sub(r"<[^>]+>|\s", " ", text)
    assert re.search(r"CIFAR-10, 100 labels: DRL, mixup=no +74.31 +94.57 ± 0.40 \(mnist5k\) ", shown)


def test_closed_forms_are_counted_apart(results):
    page = html(report_page(results, CONFIG))
    assert "179 numbers: 3 not comparable at this scale, 176 not run; and 6 closed forms: 6 not run" in page
    assert "Table 2: improvement, points" in page


def test_the_page_says_what_was_measured_since(results):
    """The card names no inputs, so Table 1 is newer than the comparison, and metrics than the claims."""
    (results / "tables" / "table_1.csv").write_text("dataset\n")
    page = html(report_page(results, CONFIG))
    assert "1 file is newer and not included: run <tt" in page
    assert "drl claims" not in page
    (results / "metrics" / "theory" / "mixture").mkdir(parents=True)
    measured = results / "metrics" / "theory" / "mixture" / "seed1.csv"
    measured.write_text("t\n")
    assert "drl claims" in html(report_page(results, CONFIG))
    card = json.loads((results / "claims.csv.json").read_text())
    card["inputs"] = {"metrics/theory/mixture/seed1.csv": sha256(measured)}
    (results / "claims.csv.json").write_text(json.dumps(card))
    assert "drl claims" not in html(report_page(results, CONFIG))


@pytest.mark.parametrize(
    "card", ["{", "{}", '{"outputs": {}}', json.dumps(WHOLE | {"git": {"commit": 7}, "inputs": {"a": 1}})]
)
def test_a_card_from_elsewhere_does_no_harm(results, card):
    for name in ("claims.csv.json", "figures/figure_12.svg.json"):
        (results / name).write_text(card)
    assert "The verdict" in html(report_page(results, CONFIG))
    assert "Run card" in html(item_facts("figure_12", results, CONFIG))


def test_what_rules_carry_does_not_change_with_what_was_measured(results):
    page = LateText("drl.verdict.report_page", "page", results, CONFIG)
    facts = LateText("drl.verdict.item_facts", "item_facts", "figure_4", results, CONFIG)
    before = repr(page), repr(facts)
    assert str(page) == report_page(results, CONFIG)
    (results / "claims.csv").unlink()
    assert (repr(page), repr(facts)) == before
    assert str(facts) == item_facts("figure_4", results, CONFIG)


def test_a_forged_card_adds_nothing_but_text_to_the_page(results):
    bad = "javascript:alert(9) :raw:`x` `y <javascript:alert(9)>`_ z_ .. raw:: html <script>alert(9)</script>"
    card = {**WHOLE, "versions": {"torch": bad}, "device_name": bad}
    model = results / "models" / "digits" / "drl" / "seed0" / "model.safetensors.json"
    model.parent.mkdir(parents=True)
    for path in (model, results / "claims.csv.json", results / "figures" / "figure_12.svg.json"):
        path.write_text(json.dumps(card))
    model.with_suffix("").touch()
    assert "javascript" in html(report_page(results, CONFIG)), "the device is not shown"
    for page in (report_page(results, CONFIG), item_facts("figure_12", results, CONFIG)):
        assert not re.search(r"<script|href=.javascript", html(page))


RAW = "x*\n\n.. raw:: html\n\n   <script>alert(9)</script><img src=x onerror=alert(9)>\n"
FORGED = [RAW, "x*\n\n.. include:: secret.txt\n", "x* `x <javascript:alert(1)>`_ *y", ".. include:: secret.txt"]


@pytest.mark.parametrize("column", ["claim", "says", "source", "items", "verdict", "paper_tables", "claim_verdict"])
@pytest.mark.parametrize("bad", FORGED)
def test_claims_csv_adds_nothing_but_text(results, monkeypatch, column, bad):
    """The example: `source` had a directive, whose script ran in the report."""
    monkeypatch.chdir(results)
    (results / "secret.txt").write_text("the secret")
    frame = pd.read_csv(results / "claims.csv", keep_default_na=False)
    frame[column] = frame[column].where(frame["items"] != "figure_12", f"{bad} figure_12")
    frame.to_csv(results / "claims.csv", index=False)
    for write in (lambda: report_page(results, CONFIG), lambda: item_facts("figure_12", results, CONFIG)):
        if "\n" in bad:
            with pytest.raises(UserError, match=r"claims.csv: is not what drl claims writes; run drl claims again"):
                write()
        elif column in ("says", "items", "paper_tables"):
            assert not re.search(r"<script|<img|href=.javascript|the secret", html(write()))
        else:
            with pytest.raises(UserError, match=r"claims.csv: no drl claims writes .* as .*; run drl claims again"):
                write()


@pytest.mark.parametrize("bad", FORGED)
def test_no_cell_or_title_of_the_facts_is_markup(results, monkeypatch, bad):
    """The second line of defence: the same text where the reader lets it pass."""
    monkeypatch.chdir(results)
    (results / "secret.txt").write_text("the secret")
    row = dict.fromkeys(("claim", "says", "source", "verdict", "ours", "paper"), bad)
    monkeypatch.setattr("drl.verdict.item_facts.summaries", lambda _: [row])
    monkeypatch.setattr("drl.verdict.report_parts.summaries", lambda _: [row])
    for page in (report_page(results, CONFIG), item_facts("figure_12", results, CONFIG)):
        assert not re.search(r"<script|<img|href=.javascript|the secret", html(page))
        assert ("include" if "include" in bad else "alert") in html(page), "the text is not shown"


@pytest.mark.parametrize("name", ["claims", "comparison"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: "", r"it is empty"),
        (lambda frame: frame.iloc[:0], "it has no rows"),
        (lambda frame: frame.rename(columns={"verdict": "x"}), "it has no column verdict"),
        (lambda frame: frame.assign(verdict="agreed"), "writes 'agreed' as verdict"),
        (lambda frame: frame.assign(n="many"), "'many' as n, not a number"),
        (lambda frame: frame.assign(claim="mine", metric="mine"), "writes 'mine' as (claim|metric)"),
        (lambda frame: frame.assign(source="mine", table=7), "writes '(mine|7)' as (source|table)"),
        (lambda frame: frame.assign(n="", published=""), "a number is missing"),
    ],
)
def test_other_files_of_these_names_are_one_line(results, name, change, message):
    path = results / f"{name}.csv"
    changed = change(pd.read_csv(path, keep_default_na=False))
    path.write_text(changed if isinstance(changed, str) else changed.to_csv(index=False))
    command = {"claims": "claims", "comparison": "compare"}[name]
    for write in (lambda: report_page(results, CONFIG), lambda: item_facts("table_1", results, CONFIG)):
        with pytest.raises(UserError, match=message) as raised:
            write()
        assert str(raised.value).startswith(f"{path}: ")
        assert f"run drl {command} again" in str(raised.value)


@pytest.mark.parametrize("text", ["", "nothing", "| a | b |\n|---|---|\n| 1 |\n", "|"])
def test_a_damaged_table_is_one_line(results, text):
    (results / "tables" / "table_1.md").write_text(text)
    with pytest.raises(UserError, match=r"table_1.md: is not a table as drl table writes it; run drl table again"):
        item_facts("table_1", results, CONFIG)


@pytest.mark.parametrize(
    "text", [".. include:: secret", "- a", "1. a", "=====", "--all x", "(a) x", ">>> x", "+", ".. x:", "||||", "-x y"]
)
def test_no_cell_begins_a_block(text):
    page = html("\n".join(list_table(["head"], [[text]], [100])))
    assert not re.search("<(ol|ul|dl|hr|pre|table[^>]*option)|<!--", page)
    assert text.split()[0].replace(">", "&gt;") in page


@pytest.mark.parametrize("text", ["a|b", "back\\slash", "name_", "`code", "x {{ y }} {% z %}", "3 * 4", "*.png", "**x"])
def test_any_text_stands_in_a_cell_as_it_is(text):
    page = html("\n".join(list_table(["head"], [[text]], [100])))
    assert "{{" not in escape(text)
    assert text.replace("`", "").split()[0].replace("{{", "{") in page.replace("&quot;", '"')


def test_code_is_printed_as_it_is():
    page = html("\n".join(list_table([], [["`t_init | {{x}}` and t_init_"]], [100])))
    assert re.search(r"<tt[^>]*>t_init", page)
    assert "\\" not in page
    assert not re.search("{[{%#]", escape("{{a}} {%b%} {#c#} {{{"))


def test_bold_and_italic_stay_in_a_cell():
    page = html("\n".join(list_table([], [["**95.1** of *3* runs, * 2"]], [100])))
    assert "<strong>95.1</strong> of <em>3</em> runs, * 2" in page


def test_docutils_would_complain_of_a_dangling_link():
    """So that the tests above can fail."""
    with pytest.raises(SystemMessage):
        html("see `nothing`_")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0001, "0"), (0.0312, "+0.031"), (-1.234, "−1.23"), (12.34, "+12.3"), (-123.4, "−123")],
)
def test_numbers_have_a_sign_and_three_digits(value, text):
    assert number(value) == text
