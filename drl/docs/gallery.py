"""The page with a picture or table of every item, from docs/results/lite or, until they are made, earlier results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from drl.config.items import ItemSettings, item_kind
from drl.docs.markdown import anchor, title
from drl.docs.paper import ITEMS
from drl.errors import UserError

RESULTS = Path("results") / "lite"  # below docs/; as `drl publish` writes it
EARLIER = Path("results") / "mnist5k"  # by earlier rules, laid out by hand
HEAD = """\
# Gallery

Every figure and table, what it shows, and the command that makes it. The pictures are results at scale `lite`: small
real images and small networks on two CPU cores. Each was drawn by the job that its run card names.
[The results](results/lite/README.md) say what can be concluded from them. What has not been run on Fashion-MNIST yet
is shown as an earlier version of this project drew it, from [runs on MNIST-5k](results/mnist5k/README.md) with one to
three seeds.
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
    suffix = "md" if table else "png"
    places = (
        (RESULTS / ("tables" if table else "figures") / f"{name}.{suffix}", f"{name}.{'csv' if table else 'svg'}.json"),
        (EARLIER / f"{name}.{suffix}", f"cards/{'table' if table else 'figure'}-{name}.json"),
    )
    file, beside = next((place for place in places if (docs / place[0]).is_file()), (None, ""))
    if file is None:
        yield MISSING
        return
    card = file.parent / beside
    if not (docs / card).is_file():
        raise UserError(f"{docs / file}: has no run card {card.name}; add the card that was written with it")
    if table:
        yield from (docs / file).read_text(encoding="utf-8").splitlines()
    else:
        yield f"![{title(name)} at scale lite]({file.as_posix()})"
    earlier = "Earlier: " if file.is_relative_to(EARLIER) else ""
    links = f"[run card]({card.as_posix()}), [numbers]({file.with_suffix('.csv').as_posix()})"
    yield from ("", f"{earlier}{_drawn(docs / card)}; {links}.")


def _drawn(card: Path) -> str:
    """Say which images a result is about, and which commit drew it."""
    found = json.loads(card.read_text(encoding="utf-8"))
    images = ", ".join(label for _, label in found["settings"].get("datasets", ())) or "Data of its own"
    commit = (found.get("git") or {}).get("commit")
    return f"{images}; drawn at commit {commit[:12]}" if commit else images
