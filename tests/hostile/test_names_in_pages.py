"""Names and titles of all kinds in captions, labels, tables, figures and model cards: none acts as markup."""

import json
import re
from functools import cache
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import pytest
from docutils.core import publish_doctree, publish_parts
from docutils.nodes import raw, reference, system_message
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from pydantic import ValidationError

from drl import markup
from drl.config.base import LONGEST
from drl.config.datasets import DatasetSettings
from drl.errors import UserError, is_line
from drl.pipeline.configuration import resolve
from drl.pipeline.own_study import PARTS, shown
from drl.pipeline.rules import Rules
from drl.reporting import style
from drl.reporting.captions import caption, study_caption
from drl.reporting.fonts import use_fonts_that_have
from drl.reporting.markdown import cells_of
from drl.reporting.table import Sheet
from drl.verdict.item_facts import _cell
from drl.verdict.rst import list_table
from drl.verdict.study_page import study_page
from tests.hostile.profile import examples

PIECES = [
    *("</script>", "<!--", "<script", "<img src=x onerror=alert(9)>", "javascript:alert(9)", "data:text/html,x"),
    *("b{x}", "{{ 7*7 }}", "{% if %}", "{#", "pets_", "_x", "a__", "|x|", "*x*", "**x**", "`y`_", "``", ":raw:`x`"),
    *(".. raw:: html", "::", "$x$", "$", "\\$", "\\", "\\frac", "^{", "&lt;", "&", "#", "%", "~", "[1]_", "![x](y)"),
    *(
        "'",
        '"',
        "');alert(9)//",
        "http://a.b",
        "me@a.b",
        "- a",
        "1. b",
        "(a) ",
        "--",
        "=====",
        "猫",
        "犬 ",
        "é",
        "①",
        "🐈",
    ),
    *(" ", "\u00a0", "\u200b", "\u202e", "a", "b", "7"),
]
SIGNS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
NAMES = st.lists(st.one_of(st.sampled_from(PIECES), st.text(SIGNS, max_size=4)), min_size=1, max_size=6).map("".join)
NAMES = NAMES.filter(lambda name: is_line(name) and name.strip() and len(name) <= 80)
# What a row of LaTeX may have: columns, escaped signs, and the commands that stand for others.
LATEX = r"\$(\\pm|\\sigma|-)\$|\\[%&_#${}]|\\text\w+\{\}|\\textbf\{|[{}&]"
fuzz = settings(derandomize=True, deadline=None, max_examples=examples(40))
CONFIG = cache(lambda: resolve("demo"))


def named(title):
    """A configuration whose dataset, item and folder have this name."""
    config = CONFIG()
    digits = config.datasets["digits"].model_copy(update={"title": title, "folder": title, "contents": "x"})
    item = config.items["figure_4"].model_copy(update={"shows": title, "section": title})
    return config.model_copy(
        update={"datasets": {**config.datasets, "digits": digits}, "items": {**config.items, "figure_4": item}}
    )


def quiet(text):
    """Return what docutils makes of a page, of which it has nothing to complain."""
    tree = publish_doctree(text, settings_overrides={"report_level": 5})
    assert not list(tree.findall(lambda node: isinstance(node, raw | reference | system_message)))
    return " ".join(tree.astext().split())


def seen(name):
    return " ".join(markup.line(name).split())


@settings(fuzz, max_examples=examples(15))
@given(NAMES)
def test_pages_show_names_as_they_are(name):
    config = named(name)
    parts = (study_caption(config, "digits", part) for part in PARTS)
    for text in (caption(config, "figure_4"), study_page(config, "digits"), *parts):
        assert seen(name) in quiet(text)
        html = publish_parts(text, writer="html", settings_overrides={"report_level": 5})["body"]
        assert not re.search(r"<(script|img|!--)|</script", html)


@fuzz
@given(NAMES)
def test_snakemake_finds_nothing_in_labels_categories_and_parameters(name):
    rules = Rules(named(name), 60)
    given_to = [rules.item_label("figure_4")["item"], rules.study_category(SimpleNamespace(dataset="digits"))]
    for text in given_to:
        assert not set("<>{}") & set(text)
    assert not set(":`\\'\"_|*<{") & set(given_to[1])
    quiet(f".. _{given_to[1]}: x\n\ntext")
    told = {"title": [name], name: 1}
    assert json.loads(markup.json_in_script(json.dumps(told, ensure_ascii=False))) == told
    assert "<" not in markup.json_in_script(json.dumps(told, ensure_ascii=False))


@fuzz
@given(NAMES, NAMES)
def test_tables_have_the_same_cells_everywhere(name, other):
    sheet = Sheet(f"Of {name}.", [name, other], [[other, f"**{name.strip()}**"], ["1", name]])
    lines = sheet.markdown().splitlines()
    assert len(lines) == 2 + 4
    read = [cells_of(row) for row in lines[2:]]
    del read[1]
    assert read[0] == [markup.line(name), markup.line(other)]
    assert read[2][1] == markup.line(name)
    shown_there = quiet("\n".join(list_table([], [[_cell(cell) for cell in row] for row in read], [50, 50])))
    assert seen(name).strip("* ") in shown_there
    rows = [row.removesuffix(r" \\") for row in sheet.latex().splitlines() if row.endswith(r" \\")]
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 1
        bare = re.sub(LATEX, "", row)
        assert not re.search(r"[\\$%#_^~]", bare)
    assert not any(row.startswith(("[", "*")) for row in rows)


@fuzz
@given(NAMES)
def test_markdown_shows_names_as_they_are(name):
    markdown_it = pytest.importorskip("markdown_it")
    reader = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for text in (markup.markdown(name), markup.markdown_code(name)):
        (_, inline, _) = reader.parse(f"x {text} x")
        kinds = {token.type for token in inline.children}
        assert kinds <= {"text", "text_special", "code_inline"}, kinds
        assert seen(name) in " ".join("".join(token.content for token in inline.children).split())


@settings(fuzz, max_examples=examples(10))
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique_by=shown))
def test_figures_show_names_as_they_are(tmp_path_factory, names):
    figure, axes = style.panels(1, 1, (3, 2))
    for name in names:
        axes[0, 0].plot([0], [0], label=shown(name))
    axes[0, 0].set_title(f"{shown(names[0])}, $t$ = 0.5\n$x_0$ of {shown(names[0])}")
    style.legend_below(figure, axes[0, 0])
    use_fonts_that_have(figure)
    path = tmp_path_factory.mktemp("figure") / "x.svg"
    style.save(figure, path)
    assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert len([text for text in figure.legends[0].findobj(Text) if text.get_text()]) == len(names)
    plt.close(figure)


@fuzz
@given(st.text(max_size=6), st.text(max_size=3))
def test_titles_that_no_page_can_show_are_refused(start, end):
    base = CONFIG().datasets["digits"].model_dump()
    for title in (
        start + end,
        f"{start}\n{end}",
        f"{start}\x1b[2J{end}",
        f"{start}\ud800",
        f"{start}\uffff",
        " ",
        "x" * (LONGEST + 1),
    ):
        good = bool(title.strip()) and is_line(title) and len(title) <= LONGEST
        try:
            assert DatasetSettings.model_validate({**base, "title": title}).title == title
        except ValidationError:
            assert not good
        else:
            assert good


@pytest.mark.parametrize("item", ["</script>", "b{x}", "a b", "Figure"])
def test_items_are_named_plainly(item):
    about = CONFIG().items["figure_4"].model_dump(mode="json")
    with pytest.raises(UserError, match="use lower case letters, digits and _ in an item's name"):
        resolve("demo", sets=[f"items={json.dumps({item: about})}"])
