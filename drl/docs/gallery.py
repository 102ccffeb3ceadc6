"""The page with a picture or table of every item, from the results that are in docs/results/lite."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from drl.config.items import ItemSettings, item_kind
from drl.docs.markdown import anchor, title
from drl.docs.paper import ITEMS
from drl.errors import UserError

RESULTS = Path("results") / "lite"  # below docs/
HEAD = """\
# Gallery

Every figure and table, what it shows, and the command that makes it. The pictures are results at scale `lite`: small
real images and small networks on two CPU cores. Each was drawn by the job that its run card names, some of them by an
earlier version of this project, so that a picture made today may look different.
[The results](results/lite/README.md) say what can be concluded from them.
"""
MISSING = "No result of it at scale `lite` is in the repository yet."


def page(docs: Path) -> str:
    """Return the page as Markdown.

    Args:
        docs: The folder docs/, whose results are shown.

    Raises:
        UserError: If a picture or table has no run card.
    """
    return "\n".join([HEAD, *(line for name, item in ITEMS.items() for line in _section(docs, name, item))])


def _section(docs: Path, name: str, item: ItemSettings) -> Iterator[str]:
    where = item.section if item.section.startswith(("beyond", "App.")) else f"section {item.section}"
    about = f"{item.shows[0].upper()}{item.shows[1:]} ({where}; [how it is made](items.md#{anchor(title(name))}))."
    yield from (f"## {title(name)}", "", about, "", "```sh", f"snakemake {name} --config scale=lite", "```", "")
    yield from (*_result(docs, name), "")


def _result(docs: Path, name: str) -> Iterator[str]:
    table = item_kind(name) == "table"
    file = RESULTS / f"{name}.{'md' if table else 'png'}"
    if not (docs / file).is_file():
        yield MISSING
        return
    card = RESULTS / "cards" / f"{'table' if table else 'figure'}-{name}.json"
    if not (docs / card).is_file():
        raise UserError(f"{docs / file}: has no run card {card.name}; add the card that was written with it")
    if table:
        yield from (docs / file).read_text(encoding="utf-8").splitlines()
    else:
        yield f"![{title(name)} at scale lite]({file.as_posix()})"
    yield from (
        "",
        f"{_drawn(docs / card)}; [run card]({card.as_posix()}), [numbers]({file.with_suffix('.csv').as_posix()}).",
    )


def _drawn(card: Path) -> str:
    """Say which images a result is about, and which commit drew it."""
    found = json.loads(card.read_text(encoding="utf-8"))
    images = ", ".join(label for _, label in found["settings"].get("datasets", ())) or "Data of its own"
    commit = (found.get("git") or {}).get("commit")
    return f"{images}; drawn at commit {commit[:12]}" if commit else images
