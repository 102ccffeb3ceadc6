"""`drl claims`: decide whether each claim of the paper holds in our measurements."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from drl.config.drawings import ClaimsJob, ItemJob
from drl.errors import UserError
from drl.files import atomic
from drl.jobs.job import Job
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card
from drl.reporting.aggregate import check_finite, read_all
from drl.reporting.drawer import needing
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.evidence import Evidence
from drl.verdict.ledger_page import counts, markdown, number
from drl.verdict.of_paper import paper_evidence
from drl.verdict.reading import from_item, from_metrics

SUPPORTED, NOT_SUPPORTED, UNDECIDED, NOT_RUN = "supported", "not supported", "undecided", "not run"
DEMO = "demo scale is a machinery check"


def run(job: Job[ClaimsJob]) -> str:
    """Write claims.csv, and beside it claims.md and the run card.

    Args:
        job: Its inputs `metrics` are the CSV files of all studies; missing ones count as not run. `items`, if given,
            is a folder with the items' own CSV files, such as docs/results/lite, to read instead of metrics.

    Returns:
        One line that counts the verdicts.

    Raises:
        UserError: If a file is truncated or changed, or nothing at all was measured.
    """
    started, scale, confidence = time.monotonic(), job.settings.scale, job.settings.confidence
    items, folder = job.settings.parsed(), next(iter(job.inputs.get("items", ())), None)
    files = {item: folder / f"{item}.csv" for item in items} if folder is not None else {}
    there = [path for path in files.values() or job.inputs.get("metrics", ()) if path.is_file()]
    if not there:
        where = folder or "the metrics files"
        raise UserError(f"claims: {where}: nothing was measured yet; run an item first, such as `snakemake figure_4`")
    inputs = check_inputs(there)
    if folder is None:
        cells = _from_metrics(there, scale, items)
    else:
        with needing("claims", f"the CSV files in {folder}"):
            cells = {item: from_item(path, item, items[item], scale) for item, path in files.items() if path.is_file()}
    with needing("claims"):
        frame = ledger(Evidence(scale, items, cells), confidence)
    check_finite(frame, "claims")
    outputs = [job.out, job.out.with_suffix(".md")]
    with job_lock(job.study, job.out):
        with atomic(outputs[0]) as csv, atomic(outputs[1]) as page:
            frame.to_csv(csv, index=False, lineterminator="\n", float_format="%.6g")
            page.write_text(markdown(frame, scale, confidence), encoding="utf-8")
        seconds = round(time.monotonic() - started, 2)
        write_card(job.study, outputs, job.settings.slice(), job.code_digest, inputs=inputs, seconds=seconds)
    verdicts = list(frame.drop_duplicates("claim")["claim_verdict"])
    return f"{job.out}: {len(verdicts)} claims: {counts(verdicts)}"


def _from_metrics(paths: Sequence[Path], scale: str, items: Mapping[str, ItemJob]) -> dict[str, pd.DataFrame]:
    frame = read_all(paths)
    if other := sorted(set(frame["scale"].dropna().astype(str)) - {scale}):
        raise UserError(f"claims: the metrics have scale {other[0]}, not {scale}; give --scale {other[0]}")
    found = {}
    for item, known in items.items():
        try:
            with needing(item):
                found[item] = from_metrics(frame, known)
        except UserError as error:
            # Incomplete runs of one item must not leave all other claims undecided.
            print(f"claims: {item} is left out: {error}", file=sys.stderr)
    return {item: cells for item, cells in found.items() if cells is not None}


def ledger(evidence: Evidence, confidence: float, registry: Mapping[str, Claim] = CLAIMS) -> pd.DataFrame:
    """Decide every claim.

    Args:
        evidence: What was measured.
        confidence: Confidence level of the intervals.
        registry: The claims.

    Returns:
        A row for each part of each claim: claim, says, source, items, scale, dataset, part, statistic, unit, wants,
        estimate, low, high, n, verdict and why; paper (the same statistic from the paper's printed numbers, if they
        give it); and, equal in all rows of a claim, paper_tables (in how many comparisons of the paper's own tables
        the claim holds) and claim_verdict.
    """
    printed = _printed(registry)
    rows = []
    for claim in registry.values():
        parts = _parts(claim, evidence)
        decided = [decide(claim, part, confidence, evidence.scale) for part in parts]
        # If one of several parts decides, a chance hit is more likely with more parts (Bonferroni).
        level = 1 - (1 - confidence) / len(parts)
        surely = [decide(claim, part, level, evidence.scale)["verdict"] for part in parts]
        whole = together(claim, [row["verdict"] for row in decided], surely)
        about = {"claim": claim.name, "says": claim.says, "source": claim.source, "items": " ".join(claim.items)}
        about["scale"] = evidence.scale
        tables = _in_tables(claim, [value for (name, *_), value in printed.items() if name == claim.name])
        for part, row in zip(parts, decided, strict=True):
            paper = printed.get((claim.name, part.dataset, part.name))
            rows.append({**about, **row, "paper": paper, "paper_tables": tables, "claim_verdict": whole})
    return pd.DataFrame(rows)


def _parts(claim: Claim, evidence: Evidence) -> list[Comparison]:
    """Return a claim's parts, or one part that says that its items are not in the configuration."""
    lacking = [item for item in claim.items if item not in evidence.settings]
    parts = [] if lacking else list(claim.parts(evidence))
    return parts or [
        Comparison("", "", None, f"{', '.join(lacking or claim.items)} has no such part in the configuration")
    ]


def _printed(registry: Mapping[str, Claim]) -> dict[tuple[str, str, str], float]:
    """Return the statistic in the paper's own tables, for each part of the claims that use only tables."""
    evidence = paper_evidence()
    found = {}
    for claim in registry.values():
        if all(evidence.has(item) for item in claim.items):
            for part in claim.parts(evidence):
                if part.estimate is not None:
                    found[claim.name, part.dataset, part.name] = part.estimate.value
    return found


def _in_tables(claim: Claim, values: Sequence[float]) -> str:
    if not values:
        return ""
    holds = sum(_inside(claim, value, value) for value in values)
    return f"{holds} of {len(values)} ({number(min(values))} to {number(max(values))})"


def decide(claim: Claim, part: Comparison, confidence: float, scale: str) -> dict[str, Any]:
    """Decide one part by its confidence interval.

    Returns:
        The row's cells from dataset to why.
    """
    row: dict[str, Any] = {"dataset": part.dataset, "part": part.name, "statistic": claim.statistic, "unit": claim.unit}
    row |= {"wants": claim.wants, "estimate": None, "low": None, "high": None, "n": 0}
    if part.estimate is None or not math.isfinite(part.estimate.value):
        return row | {"verdict": NOT_RUN, "why": part.note or "not measured"}
    interval = part.estimate.interval(confidence)
    row |= {"estimate": part.estimate.value, "n": part.estimate.n}
    if interval is not None:
        row |= {"low": interval[0], "high": interval[1]}
    verdict, why = _by_interval(claim, part.estimate.value, interval)
    if scale == "demo":
        verdict, why = UNDECIDED, DEMO
    return row | {"verdict": verdict, "why": "; ".join(filter(None, (why, part.note)))}


def _by_interval(claim: Claim, value: float, interval: tuple[float, float] | None) -> tuple[str, str]:
    if interval is None:
        way = "to it" if _inside(claim, value, value) else "against it"
        return UNDECIDED, f"no interval; points {way}"
    if _inside(claim, *interval):
        return SUPPORTED, ""
    if _outside(claim, *interval):
        return NOT_SUPPORTED, ""
    return UNDECIDED, "the interval holds the bound"


def _inside(claim: Claim, low: float, high: float) -> bool:
    """Return whether the whole interval lies where the claim wants it."""
    if claim.side == "within":
        return -claim.bound <= low and high <= claim.bound
    return low > claim.bound if claim.side == "above" else high < claim.bound


def _outside(claim: Claim, low: float, high: float) -> bool:
    """Return whether no part of the interval lies where the claim wants it."""
    if claim.side == "within":
        return high < -claim.bound or low > claim.bound
    return high < claim.bound if claim.side == "above" else low > claim.bound


def together(claim: Claim, verdicts: Sequence[str], surely: Sequence[str]) -> str:
    """Return the verdict on a claim from the verdicts on its parts, some of which may not have been run.

    Args:
        claim: The claim.
        verdicts: Verdicts on its parts.
        surely: The same with wider intervals, which are needed if one part decides.
    """
    run = [verdict for verdict in verdicts if verdict != NOT_RUN]
    if not run:
        return NOT_RUN
    if claim.holds == "most":
        share = {name: verdicts.count(name) / len(verdicts) for name in (SUPPORTED, NOT_SUPPORTED)}
        return next((name for name, found in share.items() if found > 0.5), UNDECIDED)
    good, bad = (SUPPORTED, NOT_SUPPORTED) if claim.holds == "every" else (NOT_SUPPORTED, SUPPORTED)
    # `every` fails if one part fails; `some` holds if one part holds.
    if bad in surely:
        return bad
    return good if all(verdict == good for verdict in run) and len(run) == len(verdicts) else UNDECIDED
