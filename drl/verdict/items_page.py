"""The first page of a report of some items: the items, and the claims that concern them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from drl.config.schema import Config
from drl.errors import UserError
from drl.markup import rst
from drl.pipeline.drawing import item_step
from drl.pipeline.items import measurements, models
from drl.reporting.captions import caption
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.item_facts import cost, table_of
from drl.verdict.opening import BACK, link, picture
from drl.verdict.report_parts import SCALES, claims_table, made_with, since, title
from drl.verdict.rst import escape, list_table
from drl.verdict.written import read_claims

MOST_NAMED = 3  # in the title


def file_of(config: Config, item: str, results: Path) -> str:
    """Return an item's main file as Snakemake calls it."""
    return (results / item_step(config, item).at(item=item).output).as_posix()


def items_in(files: Collection[str], config: Config, results: Path) -> list[str]:
    """Return the items whose main files are among the files of a report."""
    return [item for item in config.items if file_of(config, item, results) in files]


def name_of(item: str) -> str:
    """Return an item's name for readers: Figure 4 of figure_4."""
    return item.replace("_", " ").capitalize()


def links(config: Config, items: Sequence[str], results: Path) -> str:
    """Return the items as links in one line of reStructuredText."""
    return ", ".join(link(name_of(item), file_of(config, item, results)) for item in items)


def items_page(results: Path, config: Config, items: Sequence[str]) -> Iterator[str]:
    """Yield the page in reStructuredText.

    Args:
        results: results/<scale>.
        config: The configuration.
        items: What is in the report, at least one.
    """
    names = [name_of(item) for item in items]
    several = f"{len(items)} figures and tables" if len(items) > MOST_NAMED else ", ".join(names)
    head = rst(f"{several}: {config.items[items[0]].shows}" if len(items) == 1 else several)
    yield from title(head, "=")
    yield from (SCALES[config.scale], "")
    if len(items) == 1:
        yield from _item(results, config, items[0])
    else:
        for item in items:
            yield f"- {link(name_of(item), file_of(config, item, results))}: {rst(config.items[item].shows)}"
        yield from ("", f"Each link shows the figure, or the table, with how it was made. {BACK}", "")
    yield from _claims(results, config, items)
    spent = [["cost", cost(items[0], results, config)]] if len(items) == 1 else []
    trained = [results / name for name in _models(config, items)]
    # Results from elsewhere may have no run cards.
    if made := [*spent, *made_with(results, trained)]:
        yield from title("How it was made", "-")
        yield from list_table([], made, [20, 80])


def _item(results: Path, config: Config, item: str) -> Iterator[str]:
    file, name = file_of(config, item, results), name_of(item)
    shown = list(picture(file, f"{name}: {config.items[item].shows}"))
    yield from shown
    yield from (caption(config, item, remark=False), "")
    if file.endswith(".csv"):
        yield from table_of(Path(file).with_suffix(".md"))
    what = "with its settings, cost and run card"
    enlarged = "A click on the picture opens it large, " if shown else f"{link(name, file)} opens here, "
    yield from (f"{enlarged}{what}. {BACK}", "")


def _claims(results: Path, config: Config, items: Sequence[str]) -> Iterator[str]:
    path, decide = results / "claims.csv", f"``drl claims --scale {config.scale}``"
    which = "this item" if len(items) == 1 else "these items"
    own = {name for name, claim in CLAIMS.items() if set(items) & set(claim.items)}
    yield from title(f"The claims about {which}", "-")
    claims = read_claims(path) if path.is_file() else None
    count = "1 claim rests" if len(own) == 1 else f"{len(own)} claims rest"
    if not own:
        yield f"No claim rests on {which}."
    elif claims is None or (chosen := claims[claims["claim"].isin(own)]).empty:
        yield f"{count} on {which}, not decided yet: run {decide}, then make this report again."
    else:
        yield f"{count} on {which}. {escape(_since(path, config, items))}"
        yield ""
        yield from claims_table(chosen, config.verdict.confidence)
    others = len(CLAIMS) - len(own)
    yield from ("", f"{others} claims concern items that are not in this report; {decide} decides them too.", "")


def _since(claims: Path, config: Config, items: Sequence[str]) -> str:
    found: dict[str, None] = {}
    for item in items:
        # An item that cannot be made from a requested single dataset rests on nothing.
        with suppress(UserError):
            found |= dict.fromkeys(measurements(config, item))
    behind = since(claims, [claims.parent / name for name in found], "claims")
    return f"{behind}." if behind else ""


def _models(config: Config, items: Sequence[str]) -> list[str]:
    found: dict[str, None] = {}
    for item in items:
        with suppress(UserError):
            found |= dict.fromkeys(job.output for job in models(config, item))
    return list(found)
