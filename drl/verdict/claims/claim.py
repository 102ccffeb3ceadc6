"""Data classes for claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    """

    name: str
    dataset: str
    estimate: Estimate | None
    note: str = ""


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
            the bound.
        bound: The bound.
        holds: With `every`, all parts must hold; with `most`, more than half of them; with `some`, one is enough.
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

    @property
    def wants(self) -> str:
        """The condition in words."""
        return f"within ±{self.bound:g}" if self.side == "within" else f"{self.side} {self.bound:g}"
