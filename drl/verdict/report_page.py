"""The page that Snakemake's report opens on: claims and printed numbers in short, scale, cost, versions.

It is written when the report is, from what lies in the folder of results then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from drl.config.schema import Config
from drl.costs.show import hours
from drl.costs.spent import Spent
from drl.errors import UserError
from drl.verdict.comparison import VERDICTS
from drl.verdict.ledger_page import counts, explained, summaries
from drl.verdict.rst import list_table

SCALES = {
    "demo": "**Machinery check, not evidence.** Scale *demo* runs the whole paper with tiny networks and a few dozen "
    "steps on images that come with the packages. It shows that everything works, nothing about the paper's claims.",
    "lite": "Scale *lite*: small real images, small networks, minutes to an hour an item. Orderings and shapes can "
    "show; absolute numbers do not compare with the paper's.",
    "paper": "Scale *paper*: the paper's data, networks and training lengths.",
}


def page(results: Path, config: Config) -> str:
    """Return the page in reStructuredText.

    Args:
        results: results/<scale>.
        config: The configuration.
    """
    return "\n".join(_page(results, config)) + "\n"


def _page(results: Path, config: Config) -> Iterator[str]:
    claims, comparison = (_read(results / f"{name}.csv") for name in ("claims", "comparison"))
    yield from _title("The verdict", "=")
    yield from (SCALES[config.scale], "")
    yield from _glance(results, config, claims, comparison)
    if claims is not None:
        yield from _title("The paper's claims", "-")
        yield from (*explained(config.verdict.confidence), "")
        yield from _claims(claims)
    if comparison is not None:
        yield from _title("Printed numbers", "-")
        yield from ("Each number of Tables 1 to 6 beside ours: comparison.csv, in the category Verdict.", "")
        yield from _tables(comparison)


def _title(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def _read(path: Path) -> pd.DataFrame | None:
    return pd.read_csv(path) if path.is_file() else None


def _glance(results: Path, config: Config, claims: Any, comparison: Any) -> Iterator[str]:
    rows = [["claims", _count_claims(claims)], ["printed numbers", _count_numbers(comparison)]]
    rows += [["cost", _cost(results, config)], *_made_with(results)]
    yield from list_table([], rows, [20, 80])


def _count_claims(claims: pd.DataFrame | None) -> str:
    if claims is None:
        return "not decided yet: `drl claims` does"
    verdicts = list(claims.drop_duplicates("claim")["claim_verdict"])
    return f"{len(verdicts)}: {counts(verdicts)}"


def _count_numbers(comparison: pd.DataFrame | None) -> str:
    if comparison is None:
        return "not compared yet: `drl compare` does"
    return f"{len(comparison)}: {counts(list(comparison['verdict']), VERDICTS)}"


def _cost(results: Path, config: Config) -> str:
    try:
        total = Spent.read(results, config).total()
    except UserError:
        return "not known"
    gpu = f", {hours(total.gpu_seconds)} of them on a GPU" if total.gpu_seconds else ""
    return f"{hours(total.seconds)} hours of jobs{gpu}; {total.jobs.total()} jobs"


def _made_with(results: Path) -> Iterator[list[str]]:
    cards = [_card(path) for path in sorted(results.glob("models/*/*/*/model.safetensors.json"))]
    devices = sorted({card["device_name"] for card in cards if "device_name" in card})
    if devices:
        yield ["device", ", ".join(devices)]
    newest = _card(results / "claims.csv.json") or (cards[-1] if cards else {})
    if newest:
        named = ("python", "torch", "snakemake", "scikit-learn")
        yield [
            "versions",
            ", ".join(f"{name} {newest['versions'][name]}" for name in named if name in newest["versions"]),
        ]
        dirty = " with changes" if newest["git"]["dirty"] else ""
        yield ["commit", f"{(newest['git']['commit'] or 'not known')[:12]}{dirty}"]


def _card(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _claims(claims: pd.DataFrame) -> Iterator[str]:
    head = ["claim", "verdict", "ours", "holds in the paper's own tables"]
    rows = [
        [f"{row['says']} *{row['source']}*", f"**{row['verdict']}**", row["ours"], row["paper"]]
        for row in summaries(claims)
    ]
    yield from list_table(head, rows, [46, 14, 24, 16])


def _tables(comparison: pd.DataFrame) -> Iterator[str]:
    rows = []
    for number, found in comparison.groupby("table"):
        verdicts = list(found["verdict"])
        apart = found["difference"].abs().mean()
        rows.append(
            [f"Table {number}", str(len(found)), *(str(verdicts.count(name)) for name in VERDICTS), _rounded(apart)]
        )
    head = ["", "numbers", "agree", "differ", "not comparable", "not run", "mean distance"]
    yield from list_table(head, rows, [16, 12, 12, 12, 18, 12, 18])


def _rounded(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.2f}"
