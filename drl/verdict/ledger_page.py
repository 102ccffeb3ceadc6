"""The claims as text: one line per claim, and the numbers behind each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from drl.reporting.markdown import markdown_table

SHOWN = ("supported", "not supported", "undecided", "not run")


def counts(verdicts: Sequence[str], order: Sequence[str] = SHOWN) -> str:
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
    interval = "" if pd.isna(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"
    return f"{number(row['estimate'])}{interval} (n = {int(row['n'])})"


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
    yield f"{len(rows)} claims: {counts([row['verdict'] for row in rows])}."
    yield ""
    yield from explained(confidence)
    yield ""
    yield from markdown_table(
        ("claim", "source", "verdict", "ours", "the paper's own tables"),
        ((row["says"], row["source"], f"**{row['verdict']}**", row["ours"], row["paper"]) for row in rows),
    )
    for name, parts in frame.groupby("claim", sort=False):
        yield from _parts(str(name), parts)


def explained(confidence: float) -> list[str]:
    """Say how claims are decided."""
    return [
        "A comparison supports a claim if its confidence interval over seeds "
        f"({100 * confidence:g} %, Student's t) lies wholly where the claim wants it, and speaks against it if it "
        "lies wholly elsewhere; otherwise it is undecided, as it is with a single run, which has no interval: most "
        "tables and Figures 2, 3, 6 and 7 have one seed, as in the paper, unless *seeds* under the item says more. A "
        "claim is supported if all of its comparisons support it, and not supported if one speaks against it in an "
        "interval that is widened by their number (Bonferroni). For claims that say *some* it is the other way "
        "round, for *often* more than half decide. For the number of claims nothing is corrected. Where validation "
        "images did not choose the best t, each seed is read at the t that is best for the others: the highest of "
        "several numbers is partly chance."
    ]


def _parts(name: str, parts: pd.DataFrame) -> Iterator[str]:
    first = parts.iloc[0]
    if parts["estimate"].isna().all():
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
        rows.append([row["dataset"], row["part"], estimate(row), paper, row["verdict"], row["why"]])
    yield from markdown_table(("dataset", "comparison", "ours", "paper", "verdict", "remark"), rows)
