"""What the first pages of the report have in common: the remark on the scale, claims, and how results were made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from drl.markup import rst, width
from drl.verdict.cards import card_of, commit, newer
from drl.verdict.documentation import page
from drl.verdict.ledger_page import explained, summaries
from drl.verdict.rst import Markup, escape, list_table

SCALES = {
    "demo": "**Machinery check, not evidence.** Scale *demo* runs the whole paper with tiny networks and a few dozen "
    "steps on images that come with the packages. It shows that everything works, nothing about the paper's claims.",
    "lite": "Scale *lite*: small real images, small networks, minutes to an hour per item. Orderings and shapes can "
    "show; absolute numbers cannot be compared with the paper's.",
    "paper": "Scale *paper*: the paper's data, networks and training lengths.",
}
VERSIONS = ("python", "torch", "snakemake", "scikit-learn")


def title(text: str, sign: str) -> list[str]:
    """Return a heading of one line, underlined with a sign, and a blank line."""
    return [text, sign * width(text), ""]


def since(result: Path, inputs: Iterable[Path], command: str) -> str:
    """Say how many of a result's inputs are newer, and the command that reads them; nothing if none is."""
    count = newer(result, inputs)
    which = "1 file is" if count == 1 else f"{count} files are"
    return f"{which} newer and not included: run `drl {command}` again" if count else ""


def made_with(results: Path, models: Iterable[Path]) -> Iterator[list[str]]:
    """Yield rows of a table: devices, versions and commits.

    Args:
        results: results/<scale>.
        models: Model files; those without a run card are left out.
    """
    found = [card_of(path) for path in models]
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


def claims_table(claims: pd.DataFrame, confidence: float) -> Iterator[str]:
    """Yield how claims are decided, and a table of them.

    Args:
        claims: Rows of claims.csv, at least one.
        confidence: Of each bound.
    """
    yield from (f"{explained(confidence)} All rules are in {page('statistics.md')}.", "")
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
