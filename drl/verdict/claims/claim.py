"""Data classes for claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from drl.verdict.estimates import Estimate
from drl.verdict.evidence import Evidence


@dataclass(frozen=True)
class Comparison:
    """One number that bears on a claim.

    Attributes:
        name: What is compared with what.
        dataset: The dataset it was measured on; empty if it belongs to no dataset.
        estimate: The statistic; None if it was not measured.
        note: What a reader has to know about it, or what is missing.
        ours: The recipe of ours that it is about, if its training may have been too short for the claim to show.
    """

    name: str
    dataset: str
    estimate: Estimate | None
    note: str = ""
    ours: str = ""


@dataclass(frozen=True)
class Proof:
    """What theory says of a claim.

    Attributes:
        holds: Whether it holds.
        where: The section of docs/theory.md.
        given: What it assumes of the experiment.
    """

    holds: bool
    where: str
    given: str


@dataclass(frozen=True)
class Claim:
    """One checkable sentence of the paper.

    Attributes:
        name: Name in claims.csv.
        says: The sentence, in our words.
        source: Where the paper says it.
        items: The items whose measurements decide it.
        statistic: What is estimated for each comparison.
        parts: Function from the evidence to the comparisons.
        unit: Unit of the statistic; empty for a plain number.
        side: Where the statistic must lie for the claim to hold: above the bound, below it, or within plus and minus
            the bound. `within` claims equality, or a margin that the paper names.
        bound: The bound; for equality and for `no worse`, the margin (docs/statistics.md has its reason).
        holds: With `every`, all parts must hold; with `most`, more than half of them; with `some`, one is enough.
        proof: What theory says of it; None if it takes measurements.
        beyond: Whether it is ours, beyond the paper, and is not counted among the paper's claims.
    """

    name: str
    says: str
    source: str
    items: tuple[str, ...]
    statistic: str
    parts: Callable[[Evidence], Iterator[Comparison]]
    unit: str = ""
    side: Literal["above", "below", "within"] = "above"
    bound: float = 0.0
    holds: Literal["every", "most", "some"] = "every"
    proof: Proof | None = None
    beyond: bool = False

    @property
    def wants(self) -> str:
        """The condition in words."""
        return f"within ±{self.bound:g}" if self.side == "within" else f"{self.side} {self.bound:g}"


def with_edm(claim: Claim, parts: Callable[[Evidence], Iterator[Comparison]]) -> Claim:
    """Return a claim about DRL or VDRL with EDM's objective, which the paper does not make.

    Args:
        claim: The paper's claim.
        parts: Its comparisons, of the recipes with EDM's objective.
    """
    says = f"With EDM's objective: {claim.says}"
    return replace(claim, name=f"{claim.name}_edm", says=says, parts=parts, beyond=True)
