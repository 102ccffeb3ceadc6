"""The text below an item's caption in the report: its numbers, claims, cost and run card."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd

from drl.config.items import item_kind
from drl.config.schema import Config
from drl.costs.show import size, time, time_of
from drl.costs.spent import Spent
from drl.data.regular import read_regular
from drl.errors import UserError
from drl.markup import rst
from drl.reporting.markdown import bold_part, cells_of
from drl.verdict.cards import card_of, commit
from drl.verdict.comparison_page import beside, counted
from drl.verdict.ledger_page import summaries
from drl.verdict.rst import Markup, escape, list_table
from drl.verdict.written import read_claims, read_comparison

MOST_BYTES = 2**18  # of a table


def item_facts(item: str, results: Path, config: Config) -> str:
    """Return the text in reStructuredText.

    Args:
        item: Name of the item.
        results: results/<scale>.
        config: The configuration.
    """
    return "\n".join(_facts(item, results, config)) + "\n"


def _facts(item: str, results: Path, config: Config) -> Iterator[str]:
    is_table = item_kind(item) == "table"
    file = results / (f"tables/{item}.csv" if is_table else f"figures/{item}.svg")
    if is_table:
        yield from table_of(file.with_suffix(".md"))
    yield from (f"**Published**: {_published(item, results)}", "")
    if is_table and (results / "comparison.csv").is_file():
        yield from beside(_compared(item, results))
    yield from _claims(item, results)
    yield from (f"**Cost**: {cost(item, results, config)}", "")
    yield f"**Run card**: `{file.name}.json`_. {_made(file)}"


def table_of(markdown: Path) -> Iterator[str]:
    """Yield the table from its Markdown file, without its caption, which the report already shows.

    Raises:
        UserError: If the file is no such table. Nothing is yielded if there is none.
    """
    if not markdown.is_file():
        return
    text = read_regular(markdown, MOST_BYTES).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [list(map(_cell, cells_of(line))) for line in lines[:1] + lines[2:]]
    if not rows or not rows[0] or {*map(len, rows)} != {len(rows[0])}:
        raise UserError(f"{markdown}: is not a table as drl table writes it; run drl table again")
    head, *rows = rows
    yield from list_table(head, rows, [round(100 / len(head))] * len(head), "numbers")


def _cell(text: str) -> Markup:
    bold = bold_part(text)
    return Markup(rst(text) if bold is None else f"**{rst(bold)}**")


def _published(item: str, results: Path) -> str:
    if item_kind(item) == "diagnostic":
        return "not in the paper."
    if item_kind(item) == "figure":
        return "the paper prints no numbers for this figure."
    if not (results / "comparison.csv").is_file():
        return "not compared yet; run `drl compare`."
    return f"{counted(_compared(item, results))}. Tolerances and reasons are in comparison.csv."


def _compared(item: str, results: Path) -> pd.DataFrame:
    frame = read_comparison(results / "comparison.csv")
    return frame[frame["table"] == int(item.removeprefix("table_"))]


def _claims(item: str, results: Path) -> Iterator[str]:
    path = results / "claims.csv"
    if not path.is_file():
        return
    frame = read_claims(path)
    rows = summaries(frame[[item in items.split() for items in frame["items"]]])
    if rows:
        yield from ("**Claims that depend on it**:", "")
        yield from (f"- {escape(row['says'])} *{rst(row['source'])}* **{rst(row['verdict'])}**" for row in rows)
        yield ""


def cost(item: str, results: Path, config: Config) -> str:
    """Say how much time and memory the jobs behind an item took, in reStructuredText."""
    spent = _spent(results, config)
    if spent is None or item not in spent.items:
        return "not known."
    jobs, own = spent.of_item(item), spent.own(item)
    on_gpu = jobs["gpu_seconds"].sum()
    gpu = f", {time(on_gpu)} of it on a GPU" if on_gpu else ""
    return (
        f"{time_of(jobs)} in {jobs['made'].sum()} jobs{gpu}; {time_of(own)} of it for this "
        f"item only. At most {size(jobs[['memory', 'gpu_memory']].max().max())} of memory."
    )


@cache
def _spent_in(results: Path, config: str) -> Spent | None:
    try:
        return Spent.read(results, Config.model_validate_json(config))
    except UserError:
        return None


def _spent(results: Path, config: Config) -> Spent | None:
    # Mappings in a configuration cannot be cache keys, so the configuration is passed as text.
    return _spent_in(results, config.model_dump_json())


def _made(result: Path) -> str:
    card = card_of(result)
    return f"Drawn at commit {rst(commit(card))}." if card else ""
