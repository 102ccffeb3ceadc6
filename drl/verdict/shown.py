"""Report texts that rules carry as parameters without causing reruns, and that are written with the report.

Snakemake compares parameters of rules by their `repr`, which here does not depend on the measurements. Jinja prints
them by their `str`, which is computed when the report is written. Heavy modules are imported only then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drl.config.schema import Config


@dataclass(frozen=True, repr=False)
class ReportPage:
    """The first page of the report, in reStructuredText.

    Attributes:
        results: results/<scale>.
        config: The configuration.
    """

    results: Path
    config: Config = field(compare=False)

    def __repr__(self) -> str:
        """Return the same text for all measurements."""
        return f"ReportPage({str(self.results)!r})"

    def __str__(self) -> str:
        """Return the text, computed now."""
        from drl.verdict.report_page import page

        return page(self.results, self.config)


@dataclass(frozen=True, repr=False)
class ItemFacts:
    """The text below an item's caption: its numbers, claims, cost and run card, in reStructuredText.

    Attributes:
        item: Name of the item.
        results: results/<scale>.
        config: The configuration.
    """

    item: str
    results: Path
    config: Config = field(compare=False)

    def __repr__(self) -> str:
        """Return the same text for all measurements."""
        return f"ItemFacts({self.item!r}, {str(self.results)!r})"

    def __str__(self) -> str:
        """Return the text, computed now."""
        from drl.verdict.item_facts import item_facts

        return item_facts(self.item, self.results, self.config)
