import json
import re
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.drawings import ItemJob
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import over_seeds
from drl.reporting.table import Sheet
from tests.reporting.jobs import make_table

SHEET = Sheet("Errors of 3 models, 5 % & more.", ["model", "σ(t_init)", "error"], [["a_b", "**1 ± 2**", "−3"]])
# Words without what would end a Markdown cell.
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"], exclude_characters="|*"), max_size=8)


def rows_of_latex(text: str) -> list[str]:
    return [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r" \\")]


def unescaped(text: str) -> str:
    """Take LaTeX's specials back out: what is left must have none that stands alone."""
    for command, letter in (
        (r"\textbackslash{}", "\\"),
        (r"\textasciitilde{}", "~"),
        (r"\textasciicircum{}", "^"),
        (r"\%", "%"),
        (r"\&", "&"),
        (r"\_", "_"),
        (r"\#", "#"),
        (r"\$", "$"),
        (r"\{", "{"),
        (r"\}", "}"),
    ):
        text = text.replace(command, letter)
    return text


def test_markdown_is_one_table_under_its_caption():
    assert SHEET.markdown() == (
        "Errors of 3 models, 5 % & more.\n"
        "\n"
        "| model | σ(t_init) | error |\n"
        "| --- | --- | --- |\n"
        "| a_b | **1 ± 2** | −3 |\n"
    )


def test_latex_escapes_what_it_must_and_prints_bold():
    lines = SHEET.latex().splitlines()
    assert lines == [
        r"\begin{table}",
        r"\caption{Errors of 3 models, 5 \% \& more.}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"model & $\sigma$(t\_init) & error \\",
        r"\midrule",
        r"a\_b & \textbf{1 $\pm$ 2} & $-$3 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


@given(st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=1, max_size=4))
def test_every_row_has_a_cell_a_column(rows):
    sheet = Sheet("caption", ["a", "b", "c"], rows)
    made = sheet.markdown().splitlines()[2:]
    assert [line.count("|") for line in made] == [4] * (2 + len(rows))
    latex = rows_of_latex(sheet.latex())
    assert [len(re.findall(r"(?<!\\)&", line)) for line in latex] == [2] * (1 + len(rows))


@pytest.mark.parametrize("letter", list("%&_#$~^\\{}"))
def test_every_letter_that_latex_reads_as_a_command_is_escaped(letter):
    (line,) = rows_of_latex(Sheet(letter, [f"x{letter}y"], []).latex())
    assert line != f"x{letter}y"
    assert unescaped(line) == f"x{letter}y"


def test_a_bar_in_a_name_makes_no_markdown_column():
    line = Sheet("c", ["a|b", "d"], []).markdown().splitlines()[2]
    assert len(re.findall(r"(?<!\\)\|", line)) == 3


@pytest.mark.parametrize("cell", ["", "**", "****", "*"])
def test_stars_alone_are_not_bold(cell):
    assert "textbf" not in Sheet("c", [cell], []).latex()


@pytest.fixture
def drawn(monkeypatch):
    """A module of drl.reporting that makes a table."""
    module = SimpleNamespace(
        table=lambda frame, settings: over_seeds(frame, ["dataset", "recipe", "metric"]),
        sheet=lambda numbers, settings: Sheet("caption", ["recipe"], [[name] for name in numbers["recipe"]]),
    )
    monkeypatch.setitem(sys.modules, "drl.reporting.made_up", module)
    return ItemJob(study="fid", drawn_by="made_up", scale="lite", datasets=[["a", "A"]])


def test_all_files_and_the_card_come_out(drawn, tmp_path):
    row = {"dataset": "a", "recipe": "drl", "metric": "m"}
    write_metrics(tmp_path / "m.csv", [row | {"seed": seed, "value": 1 / 3 + seed} for seed in (0, 1)])
    make_table("table_6", [tmp_path / "m.csv"], tmp_path / "out" / "t.csv", drawn)
    numbers = pd.read_csv(tmp_path / "out" / "t.csv")
    assert numbers[["mean", "sd", "n_seeds"]].to_numpy().tolist() == [[0.833333, 0.707107, 2]]
    assert (tmp_path / "out" / "t.md").read_text().startswith("caption\n\n| recipe |")
    assert r"\begin{tabular}{l}" in (tmp_path / "out" / "t.tex").read_text()
    card = json.loads((tmp_path / "out" / "t.csv.json").read_text())
    assert set(card["outputs"]) == {"t.csv", "t.md", "t.tex"}
    assert set(card["inputs"]) == {"../m.csv"}
    assert (card["command"], card["item"], card["code_digest"]) == ("table", "table_6", "digest")
    assert card["settings"] == drawn.slice()


@pytest.mark.parametrize("damage", ["missing", "cut", "empty"])
def test_damaged_metrics_are_one_line_and_leave_nothing(drawn, tmp_path, damage):
    path = tmp_path / "m.csv"
    if damage != "missing":
        write_metrics(path, [{"dataset": "a", "value": 1}] if damage == "cut" else [])
    if damage == "cut":
        path.write_text(path.read_text()[:-6])
    with pytest.raises(UserError) as caught:
        make_table("table_6", [path], tmp_path / "t.csv", drawn)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("t.*"))
