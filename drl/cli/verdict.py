"""Commands that hold results against the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import Job, configured, path, planned
from drl.errors import UserError
from drl.pipeline import slices
from drl.pipeline.items import ITEMS, measurements


@cli.command()
@click.argument("tables", nargs=-1, type=click.Path(path_type=Path))
@path("--out", help="The CSV. Default: results/<scale>/comparison.csv.")
@planned
@configured
def compare(tables: tuple[Path, ...], out: Path | None, **shared: Any) -> None:
    """Compare every number of the paper's tables with ours (CSV files of tables; by default all that were made)."""
    job = Job(**shared)
    chosen, digest = job.plan("compare", lambda: slices.compare(job.config))
    names = [item for item in ITEMS if ITEMS[item].kind == "table"]
    from drl.verdict.comparison import compare as run

    _exist("compare", tables)
    summary = run(
        tables or tuple(job.results / "tables" / f"{name}.csv" for name in names),
        out or job.results / "comparison.csv",
        chosen,
        digest,
    )
    click.echo(summary)


def _exist(command: str, files: tuple[Path, ...]) -> None:
    for file in files:
        if not file.is_file():
            raise UserError(
                f"{command}: {file} is not there; leave it out, or give no files to take all that were made"
            )


@cli.command()
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@path(
    "--items",
    help="Read items' own CSV files in this folder, not metrics: means alone, which decide fewer claims.",
)
@path("--out", help="The CSV; a page in Markdown goes beside it. Default: results/<scale>/claims.csv.")
@planned
@configured
def claims(metrics: tuple[Path, ...], items: Path | None, out: Path | None, **shared: Any) -> None:
    """Decide the paper's claims from metrics files, by default from all that were measured."""
    job = Job(**shared)
    chosen, digest = job.plan("claims", lambda: slices.claims(job.config))
    _exist("claims", metrics)
    if not metrics and items is None:
        known = dict.fromkeys(file for item in chosen["items"] for file in measurements(job.config, item))
        metrics = tuple(job.results / name for name in known)
    from drl.verdict.ledger import claims as run

    click.echo(run(metrics, out or job.results / "claims.csv", chosen, digest, items))
