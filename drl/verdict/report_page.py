"""The first page of Snakemake's report: a summary of claims and printed numbers, both in full, then cost and versions.

It is written together with the report, from the results that exist at that time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd

from drl.config.schema import Config
from drl.costs.show import time, time_of
from drl.costs.spent import Spent
from drl.errors import UserError
from drl.markup import rst
from drl.pipeline.items import claimed, items_of_kind, measurements
from drl.verdict.cards import card_of, commit, newer
from drl.verdict.comparison_page import counted, overview
from drl.verdict.ledger_page import explained, in_short, summaries
from drl.verdict.rst import Markup, escape, list_table
from drl.verdict.written import read_claims, read_comparison

SCALES = {
    "demo": "**Machinery check, not evidence.** Scale *demo* runs the whole paper with tiny networks and a few dozen "
    "steps on images that come with the packages. It shows that everything works, nothing about the paper's claims.",
    "lite": "Scale *lite*: small real images, small networks, minutes to an hour per item. Orderings and shapes can "
    "show; absolute numbers cannot be compared with the paper's.",
    "paper": "Scale *paper*: the paper's data, networks and training lengths.",
}

Table = pd.DataFrame | None
VERSIONS = ("python", "torch", "snakemake", "scikit-learn")


def page(results: Path, config: Config) -> str:
    """Return the page in reStructuredText.

    Args:
        results: results/<scale>.
        config: The configuration.
    """
    return "\n".join(_page(results, config)) + "\n"


def _page(results: Path, config: Config) -> Iterator[str]:
    claims, comparison = _read(results / "claims.csv", read_claims), _read(results / "comparison.csv", read_comparison)
    yield from _title("The verdict", "=")
    yield from (SCALES[config.scale], "")
    yield from _glance(results, config, claims, comparison)
    if claims is not None:
        yield from _title("The paper's claims", "-")
        yield from (*explained(config.verdict.confidence), "")
        yield from _claims(claims)
    if comparison is not None:
        yield from _title("Printed numbers", "-")
        yield from ("comparison.csv, in the category Verdict, has each number of Tables 1 to 6 beside ours.", "")
        yield from overview(comparison)
    yield from _title("How it was made", "-")
    yield from list_table([], [["cost", _cost(results, config)], *_made_with(results)], [20, 80])


def _title(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _read(path: Path, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame | None:
    return read(path) if path.is_file() else None


def _glance(results: Path, config: Config, claims: Table, comparison: Table) -> Iterator[str]:
    rows = [["claims", _claims_in_short(results, config, claims)]]
    rows += [["printed numbers", _numbers_in_short(results, config, comparison)]]
    yield from list_table([], rows, [20, 80])


def _claims_in_short(results: Path, config: Config, claims: Table) -> str:
    if claims is None:
        return "not decided yet; run `drl claims`"
    behind = newer(results / "claims.csv", _measured(results, config))
    return f"{in_short(claims)}{_since(behind, 'claims')}"


def _numbers_in_short(results: Path, config: Config, comparison: Table) -> str:
    if comparison is None:
        return "not compared yet; run `drl compare`"
    tables = [results / "tables" / f"{item}.csv" for item in items_of_kind(config, "table")]
    return f"{counted(comparison)}{_since(newer(results / 'comparison.csv', tables), 'compare')}"


def _since(files: int, command: str) -> str:
    which = "1 file is" if files == 1 else f"{files} files are"
    return f". {which} newer and not included: run `drl {command}` again" if files else ""


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


def _made_with(results: Path) -> Iterator[list[str]]:
    found = [card_of(path) for path in sorted(results.glob("models/*/*/*/model.safetensors"))]
    cards = [card for card in found if card is not None]
    devices = sorted({card.device_name for card in cards if card.device_name is not None})
    if devices:
        yield ["device", ", ".join(devices)]
    decided = card_of(results / "claims.csv")
    known = [card.versions for card in cards] or [decided.versions if decided else {}]
    if versions := [f"{name} {' and '.join(several)}" for name in VERSIONS if (several := _all(known, name))]:
        yield ["versions", ", ".join(versions)]
    if commits := sorted({commit(card) for card in cards}):
        yield ["models trained at", ", ".join(commits)]
    if decided:
        yield ["claims decided at", commit(decided)]


def _all(cards: Sequence[Mapping[str, str]], name: str) -> list[str]:
    return sorted({str(card[name]) for card in cards if name in card})


def _claims(claims: pd.DataFrame) -> Iterator[str]:
    head = ["claim", "verdict", "ours", "holds in the paper's own tables"]
    rows = [
        [
            Markup(f"{escape(row['says'])} *{rst(row['source'])}*"),
            Markup(f"**{rst(row['verdict'])}**"),
            row["ours"],
            row["paper"],
        ]
        for row in summaries(claims)
    ]
    yield from list_table(head, rows, [46, 14, 24, 16])
