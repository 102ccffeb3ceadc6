"""What the report says beyond its captions: written when the report is, carried by rules without rerunning them.

Snakemake compares a rule's parameters by their `repr`, which is the same here whatever was measured, and Jinja prints
them by their `str`, which is worked out then. Nothing heavy is imported before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drl.config.schema import Config


@dataclass(frozen=True, repr=False)
class ReportPage:
    """The page that the report opens on, in reStructuredText.

    Attributes:
        results: results/<scale>.
        config: The configuration.
    """

    results: Path
    config: Config = field(compare=False)

    def __repr__(self) -> str:
        """Return the same whatever was measured."""
        return f"ReportPage({str(self.results)!r})"

    def __str__(self) -> str:
        """Write it."""
        from drl.verdict.report_page import page

        return page(self.results, self.config)


@dataclass(frozen=True, repr=False)
class ItemFacts:
    """What stands below an item's caption: its numbers, claims, cost and run card, in reStructuredText.

    Attributes:
        item: Name of the item.
        results: results/<scale>.
        config: The configuration.
    """

    item: str
    results: Path
    config: Config = field(compare=False)

    def __repr__(self) -> str:
        """Return the same whatever was measured."""
        return f"ItemFacts({self.item!r}, {str(self.results)!r})"

    def __str__(self) -> str:
        """Write it."""
        from drl.verdict.item_facts import item_facts

        return item_facts(self.item, self.results, self.config)
