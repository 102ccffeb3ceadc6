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
from drl.records.right import SUFFIX
from drl.records.run_card import write_card
from drl.reporting.aggregate import check_finite, check_scale
from drl.reporting.drawer import needing
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.conjunction import p_values, together
from drl.verdict.estimates import MOST_SEEDS
from drl.verdict.evidence import Evidence
from drl.verdict.images import over_images
from drl.verdict.ledger_page import in_short, markdown, number
from drl.verdict.of_paper import paper_evidence
from drl.verdict.reading import from_item, from_metrics, read_measured
from drl.verdict.training_length import still_learning
from drl.verdict.words import DISPROVED, NOT_RUN, PROVED, REFUTED, SUPPORTED, UNDECIDED, UNDERTRAINED

DEMO = "demo scale is a machinery check"
NUMBERS = ("estimate", "low", "high", "images_low", "images_high", "n", "p", "p_not", "seeds")


def run(job: Job[ClaimsJob]) -> str:
    """Write claims.csv, and beside it claims.md and the run card.

    Args:
        job: Its inputs `metrics` are the CSV files of all studies; missing ones count as not run. `items`, if given,
            is a folder with the items' own CSV files, such as docs/results/mnist5k, to read instead of metrics.

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
    beside = [path.with_suffix(SUFFIX) for path in there]
    inputs = check_inputs([*there, *(path for path in beside if path.is_file())])
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
    return f"{job.out}: {in_short(frame)}"


def _from_metrics(paths: Sequence[Path], scale: str, items: Mapping[str, ItemJob]) -> dict[str, pd.DataFrame]:
    frame = read_measured(paths)
    check_scale(frame, scale, "claims")
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
        confidence: One-sided confidence of a verdict; 1 less the level of its tests.
        registry: The claims.

    Returns:
        A row for each part of each claim: claim, says, source, items, beyond, scale, dataset, part, statistic, unit,
        wants, estimate, low, high (one-sided bounds over models), images_low, images_high (over test images), n, p,
        p_not (that the part holds, and that it does not), seeds (how many would decide it), verdict and why; paper
        (the same statistic from the paper's printed numbers, if they give it); and, equal in all rows of a claim,
        paper_tables (in how many comparisons of the paper's own tables the claim holds) and claim_verdict.
    """
    printed = _printed(registry)
    rows = []
    about: dict[str, Any]
    for claim in registry.values():
        parts = _parts(claim, evidence)
        decided = [decide(claim, part, confidence, evidence) for part in parts]
        about = {"claim": claim.name, "says": claim.says, "source": claim.source, "items": " ".join(claim.items)}
        about |= {"beyond": claim.beyond, "scale": evidence.scale}
        tables = _in_tables(claim, [value for (name, *_), value in printed.items() if name == claim.name])
        whole = _whole(claim, decided, confidence)
        proof = "" if claim.proof is None else f'theory, "{claim.proof.where}", given {claim.proof.given}'
        for part, row in zip(parts, decided, strict=True):
            row["why"] = _joined(proof, row["why"])
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
    holds = sum(_inside(claim, value) for value in values)
    return f"{holds} of {len(values)} ({number(min(values))} to {number(max(values))})"


def decide(claim: Claim, part: Comparison, confidence: float, evidence: Evidence) -> dict[str, Any]:
    """Decide one part by its confidence bounds.

    Returns:
        The row's cells from dataset to why.
    """
    row: dict[str, Any] = {"dataset": part.dataset, "part": part.name, "statistic": claim.statistic, "unit": claim.unit}
    row |= {"wants": claim.wants} | dict.fromkeys(NUMBERS) | {"n": 0, "p": 1.0, "p_not": 1.0}
    estimate = part.estimate
    if estimate is None or not math.isfinite(estimate.value):
        return row | {"verdict": NOT_RUN, "why": part.note or "not measured"}
    row |= {"estimate": estimate.value, "n": estimate.n}
    row["low"], row["high"] = estimate.bounds(confidence) or (None, None)
    if evidence.scale == "demo":
        return row | {"verdict": UNDECIDED, "why": _joined(DEMO, part.note)}
    if estimate.images is not None:
        row["images_low"], row["images_high"] = over_images(estimate.images, confidence)
    row["p"], row["p_not"] = p_values(claim, estimate)
    verdict, why = _by_p(claim, part, row, confidence)
    if verdict == REFUTED and part.ours and (reason := still_learning(evidence, part.dataset, part.ours, confidence)):
        verdict, why = UNDERTRAINED, reason
    if verdict == UNDECIDED and row["low"] is not None:
        row["seeds"] = estimate.seeds_needed(_distance(claim, estimate.value), confidence)
        why = _joined(why, "" if row["seeds"] else f"more than {MOST_SEEDS:,} seeds would not decide it")
    return row | {"verdict": verdict, "why": _joined(why, part.note)}


def _by_p(claim: Claim, part: Comparison, row: Mapping[str, Any], confidence: float) -> tuple[str, str]:
    if row["p"] <= 1 - confidence:
        return SUPPORTED, ""
    if row["p_not"] <= 1 - confidence:
        return REFUTED, ""
    assert part.estimate is not None
    if row["low"] is None and part.estimate.exact is None:
        way = "to it" if _inside(claim, part.estimate.value) else "against it"
        return UNDECIDED, f"no interval; points {way}"
    return UNDECIDED, "exact test" if part.estimate.exact else "the interval holds the bound"


def _whole(claim: Claim, decided: Sequence[Mapping[str, Any]], confidence: float) -> str:
    """Return the verdict on a claim from the rows of its parts, some of which may not have been run."""
    if claim.proof is not None:
        return PROVED if claim.proof.holds else DISPROVED
    if all(row["verdict"] == NOT_RUN for row in decided):
        return NOT_RUN
    holds, fails = together(claim, [(row["p"], row["p_not"]) for row in decided])
    # A part that was still learning speaks neither for nor against its claim.
    _, shown = together(claim, [(row["p"], 1.0 if row["verdict"] == UNDERTRAINED else row["p_not"]) for row in decided])
    if holds <= 1 - confidence:
        return SUPPORTED
    if shown <= 1 - confidence:
        return REFUTED
    return UNDERTRAINED if fails <= 1 - confidence else UNDECIDED


def _joined(*remarks: str) -> str:
    return "; ".join(filter(None, remarks))


def _inside(claim: Claim, value: float) -> bool:
    """Return whether a value lies where the claim wants it."""
    if claim.side == "within":
        return -claim.bound <= value <= claim.bound
    return value > claim.bound if claim.side == "above" else value < claim.bound


def _distance(claim: Claim, value: float) -> float:
    """Return the distance of a value to the nearest bound of the claim."""
    bounds = (-claim.bound, claim.bound) if claim.side == "within" else (claim.bound,)
    return min(abs(value - bound) for bound in bounds)
