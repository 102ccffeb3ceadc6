"""Writing the pages of docs/ that are made from the code; a test compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from drl.config.project import CODE
from drl.docs import configuration_page, deviations, gallery, items_page
from drl.docs.paper import PAPER
from drl.docs.rule_graph import printed_by_snakemake, rule_graph, svg
from drl.files import atomic

DOCS = CODE / "docs"
MADE = "<!-- made by `python -m drl.docs` from {}; a test compares -->\n"


def items() -> str:
    """Return the page of all items."""
    made = MADE.format("config/, the registry and deviations.yaml")
    return made + items_page.page(PAPER, deviations.deviations())


def decisions() -> str:
    """Return the page of all deviations."""
    return MADE.format("deviations.yaml") + deviations.page(deviations.deviations())


def configuration() -> str:
    """Return the reference of the configuration."""
    return MADE.format("drl/config and config/") + configuration_page.page(PAPER)


def pictures() -> str:
    """Return the gallery of all items."""
    return MADE.format("config/ and docs/results") + gallery.page(DOCS)


def rules() -> str:
    """Return the picture of the rules. The fonts of the machine decide the widths of its letters, and so its bytes."""
    return svg(rule_graph(printed_by_snakemake()))


PAGES: Mapping[str, Callable[[], str]] = {
    "items.md": items,
    "gallery.md": pictures,
    "deviations.md": decisions,
    "configuration.md": configuration,
    "rule_graph.svg": rules,
}


def write(folder: Path = DOCS) -> None:
    """Write all pages into a folder."""
    for name, make in PAGES.items():
        with atomic(folder / name) as path:
            path.write_text(make(), encoding="utf-8")
