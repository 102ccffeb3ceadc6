"""What a claim is."""

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
        dataset: On which images; empty: on none in particular.
        estimate: The statistic; None where it was not measured.
        note: What a reader has to know about it, or what is lacking.
    """

    name: str
    dataset: str
    estimate: Estimate | None
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """One checkable sentence of the paper.

    Attributes:
        name: In claims.csv.
        says: The sentence, in our words.
        source: Where the paper says it.
        items: From whose measurements it is decided.
        statistic: What is estimated for each comparison.
        parts: Takes the evidence, gives the comparisons.
        unit: Of the statistic; empty: a plain number.
        side: Where the statistic must lie for the claim to hold: above the bound, below it, or within it on both sides
            of 0.
        bound: The bound.
        holds: With `every`, all parts must hold, with `most`, more than half of them, with `some`, one is enough.
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
