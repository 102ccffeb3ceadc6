"""The claims as text: one line per claim, and the numbers behind each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from drl.reporting.markdown import markdown_table
from drl.verdict.words import DISPROVED, ORDER, PROVED

PARTS = ("dataset", "comparison", "ours", "on new images", "paper", "verdict", "seeds that would decide", "remark")


def counts(verdicts: Sequence[str], order: Sequence[str] = ORDER) -> str:
    """Return `3 supported, 1 undecided`, in a fixed order."""
    found = [f"{sum(verdict == name for verdict in verdicts)} {name}" for name in order if name in verdicts]
    return ", ".join(found)


def summaries(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Return one row per claim with says, source, verdict, ours and paper (from its own tables), as text.

    Args:
        frame: Result of drl.verdict.ledger.ledger.
    """
    return [_summary(rows) for _, rows in frame.groupby("claim", sort=False)]


def _summary(rows: pd.DataFrame) -> dict[str, str]:
    first = rows.iloc[0]
    return {
        "claim": str(first["claim"]),
        "beyond": str(first["beyond"]),
        "says": str(first["says"]),
        "source": str(first["source"]),
        "verdict": str(first["claim_verdict"]),
        "ours": _ours(rows),
        "paper": str(first["paper_tables"]) if isinstance(first["paper_tables"], str) else "",
    }


def _ours(rows: pd.DataFrame) -> str:
    measured = rows[rows["estimate"].notna()]
    if measured.empty:
        return "—"
    if len(measured) == 1:
        return estimate(measured.iloc[0])
    low, high = number(measured["estimate"].min()), number(measured["estimate"].max())
    return f"{len(measured)} comparisons, {low} to {high}: {counts(list(measured['verdict']))}"


def estimate(row: Any) -> str:
    """Return an estimate with its interval and its number of replicates."""
    if pd.isna(row["estimate"]):
        return "—"
    return f"{number(row['estimate'])}{_interval(row, 'low', 'high')} (n = {int(row['n'])})"


def _interval(row: Any, low: str, high: str) -> str:
    return "" if pd.isna(row[low]) else f" [{number(row[low])}, {number(row[high])}]"


def number(value: float) -> str:
    """Return a number with a sign and about three digits."""
    if not math.isfinite(value):
        return "?"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:+z.{digits}f}".replace("-", "−") if abs(value) >= 0.5e-3 else "0"


def markdown(frame: pd.DataFrame, scale: str, confidence: float) -> str:
    """Return the ledger as a page: a table of claims, then a table of parts for each measured claim."""
    return "\n".join(_markdown(frame, scale, confidence)) + "\n"


def _markdown(frame: pd.DataFrame, scale: str, confidence: float) -> Iterator[str]:
    rows = summaries(frame)
    yield f"# The paper's claims at scale {scale}"
    yield ""
    if scale == "demo":
        yield "**Machinery check, not evidence**: tiny networks and a few dozen steps. No claim is decided by them."
        yield ""
    yield f"{in_short(frame)}."
    yield ""
    yield f"{explained(confidence)} The page on statistics has all rules."
    yield ""
    for title, beyond in (("", "False"), ("Beyond the paper", "True")):
        shown = [row for row in rows if row["beyond"] == beyond]
        if not shown:
            continue
        if title:
            yield from ("", f"## {title}", "")
        yield from markdown_table(
            ("claim", "source", "verdict", "ours", "the paper's own tables"),
            ((row["says"], row["source"], f"**{row['verdict']}**", row["ours"], row["paper"]) for row in shown),
        )
    for name, parts in frame.groupby("claim", sort=False):
        yield from _parts(str(name), parts)


def in_short(frame: pd.DataFrame) -> str:
    """Return how many of the paper's claims have which verdict, and how many of ours beyond the paper."""
    claims = frame.drop_duplicates("claim")
    # Of a ledger that was read from its file, these are words.
    beyond = claims["beyond"].astype(str) == "True"
    paper, ours = (list(claims[which]["claim_verdict"]) for which in (~beyond, beyond))
    also = f"; and {len(ours)} beyond the paper: {counts(ours)}" if ours else ""
    return f"{len(paper)} claims: {counts(paper)}{also}"


def explained(confidence: float) -> str:
    """Say in a few sentences how claims are decided."""
    return (
        f"Brackets hold two one-sided confidence bounds over models, of {100 * confidence:g} % each. A comparison "
        "supports a claim if both lie where the claim wants it, and refutes it if both lie elsewhere; otherwise it is "
        "undecided, as it is with a single model, which has no bounds. A claim of equality has a margin of at most a "
        "quarter of what would matter. A claim with several comparisons is supported if all of them hold (for *often*, "
        "more than half; for *some*, one), and refuted if that fails, both allowing for their number. Nothing is "
        "corrected for the number of claims. The best t is chosen on validation images, for each model."
    )


def _parts(name: str, parts: pd.DataFrame) -> Iterator[str]:
    first = parts.iloc[0]
    if parts["estimate"].isna().all() and first["claim_verdict"] not in (PROVED, DISPROVED):
        return
    unit = f", {first['unit']}" if first["unit"] else ""
    yield ""
    yield f"## {name}"
    yield ""
    yield f"{first['says']} ({first['source']}.) Statistic: {first['statistic']}{unit}; holds {first['wants']}."
    yield ""
    rows = []
    for row in parts.to_dict("records"):
        paper = "" if pd.isna(row["paper"]) else number(row["paper"])
        images, seeds = _interval(row, "images_low", "images_high").strip(), row["seeds"]
        needed = "" if seeds is None or pd.isna(seeds) else f"{int(seeds)}"
        cells = [row["dataset"], row["part"], estimate(row), images, paper, row["verdict"], needed, row["why"]]
        rows.append(cells)
    yield from markdown_table(PARTS, rows)
