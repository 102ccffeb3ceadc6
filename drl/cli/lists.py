"""`drl list`: the names that other commands take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from drl.cli.group import cli
from drl.cli.options import AS_JSON, Invocation, Named, configured, echo_json
from drl.pipeline.listing import LISTS, SHOWN, cells


@cli.command("list")
@click.argument("what", type=Named(LISTS))
@AS_JSON
@configured
def names(what: str, as_json: bool, **shared: Any) -> None:
    """List items, recipes, datasets, arms, studies or scales, with one line about each."""
    rows = LISTS[what](Invocation(**shared).config)
    if as_json:
        echo_json(rows)
    elif sys.stdout.isatty():
        Console(highlight=False, emoji=False, markup=False).print(_table(what, cells(what, rows)))
    else:
        click.echo("\n".join(aligned(cells(what, rows))))


def _table(what: str, rows: Sequence[Sequence[str]]) -> Table:
    """Return a table whose names are never cut and whose other cells take several lines if they must."""
    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for name in SHOWN[what]:
        found.add_column(name.replace("_", " "), no_wrap=name == "name", overflow="fold")
    for row in rows:
        found.add_row(*row)
    return found


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines, whose columns are two spaces apart and begin one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
