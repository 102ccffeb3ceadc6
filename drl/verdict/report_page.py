"""The first page of Snakemake's report: a summary of claims and printed numbers, both in full, then cost and versions.

A report of some items opens on these items instead (drl/verdict/items_page.py).

It is written together with the report, from the results that exist at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from drl.config.schema import Config
from drl.costs.show import time, time_of
from drl.costs.spent import Spent
from drl.errors import UserError
from drl.pipeline.drawing import COMPARE
from drl.pipeline.items import claimed, items_of_kind, measurements
from drl.verdict.comparison_page import counted, overview
from drl.verdict.items_page import items_in, items_page, links
from drl.verdict.ledger_page import in_short
from drl.verdict.opening import BACK, link
from drl.verdict.report_parts import SCALES, claims_table, made_with, since, title
from drl.verdict.rst import Markup, list_table
from drl.verdict.written import read_claims, read_comparison

Table = pd.DataFrame | None


def page(results: Path, config: Config, files: Collection[str] = ()) -> str:
    """Return the page in reStructuredText: of all items the verdict, of some these items.

    Args:
        results: results/<scale>.
        config: The configuration.
        files: The files in the report, as Snakemake calls them; none: all items, without links to them.
    """
    items = items_in(files, config, results)
    some = 0 < len(items) < len(config.items)
    return "\n".join(items_page(results, config, items) if some else _verdict(results, config, items, files)) + "\n"


def _verdict(results: Path, config: Config, items: Sequence[str], files: Collection[str]) -> Iterator[str]:
    claims, comparison = _read(results / "claims.csv", read_claims), _read(results / "comparison.csv", read_comparison)
    yield from title("The verdict", "=")
    yield from (SCALES[config.scale], "")
    rows = [["claims", _claims_in_short(results, config, claims)]]
    rows += [["printed numbers", _numbers_in_short(results, config, comparison)]]
    if items:
        rows += [["figures and tables", Markup(f"{links(config, items, results)}. {BACK}")]]
    yield from list_table([], rows, [20, 80])
    if claims is not None:
        yield from title("The paper's claims", "-")
        yield from claims_table(claims, config.verdict.confidence)
    if comparison is not None:
        yield from title("Printed numbers", "-")
        path = (results / COMPARE.output).as_posix()
        table = link(COMPARE.output, path) if path in files else f"``{path}``"
        yield from (f"{table} has each number of Tables 1 to 6 beside ours.", "")
        yield from overview(comparison)
    yield from title("How it was made", "-")
    models = sorted(results.glob("models/*/*/*/model.safetensors"))
    yield from list_table([], [["cost", _cost(results, config)], *made_with(results, models)], [20, 80])


def _read(path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame | None:
    return read(path) if path.is_file() else None


def _claims_in_short(results: Path, config: Config, claims: Table) -> str:
    if claims is None:
        return "not decided yet; run `drl claims`"
    return _joined(in_short(claims), since(results / "claims.csv", _measured(results, config), "claims"))


def _numbers_in_short(results: Path, config: Config, comparison: Table) -> str:
    if comparison is None:
        return "not compared yet; run `drl compare`"
    tables = [results / "tables" / f"{item}.csv" for item in items_of_kind(config, "table")]
    return _joined(counted(comparison), since(results / "comparison.csv", tables, "compare"))


def _joined(*sentences: str) -> str:
    return ". ".join(filter(None, sentences))


def _measured(results: Path, config: Config) -> list[Path]:
    """Return the files that claims depend on, without items that cannot be made from a requested single dataset."""
    found: dict[str, None] = {}
    for item in claimed(config):
        with suppress(UserError):
            found |= dict.fromkeys(measurements(config, item))
    return [results / name for name in found]


def _cost(results: Path, config: Config) -> str:
    try:
        jobs = Spent.read(results, config).jobs
    except UserError:
        return "not known"
    on_gpu = jobs["gpu_seconds"].sum()
    gpu = f", {time(on_gpu)} of it on a GPU" if on_gpu else ""
    return f"{time_of(jobs)} of jobs{gpu}; {jobs['made'].sum()} jobs"
