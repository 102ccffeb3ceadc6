"""Commands that draw figures and tables from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import Job, configured, path, planned
from drl.pipeline import slices
from drl.pipeline.items import item_name, measurements


@cli.command()
@click.argument("item", metavar="N")
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@path("--out", help="The SVG; PNG and CSV go beside it. Default: results/<scale>/figures/figure_<N>.svg.")
@planned
@configured
def figure(item: str, metrics: tuple[Path, ...], out: Path | None, **shared: Any) -> None:
    """Draw a figure (4, figure_4 or code_usage) from its metrics files; by default those of its item."""
    job = Job(**shared)
    item = item_name("figure", item)
    chosen, digest = job.plan("figure", lambda: slices.figure(job.config, item))
    metrics = metrics or tuple(job.results / name for name in measurements(job.config, item))
    from drl.reporting.figure import figure as run

    run(item, metrics, out or job.results / "figures" / f"{item}.svg", chosen, digest)


@cli.command()
@click.argument("item", metavar="N")
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@path("--out", help="The CSV; Markdown and LaTeX go beside it. Default: results/<scale>/tables/table_<N>.csv.")
@planned
@configured
def table(item: str, metrics: tuple[Path, ...], out: Path | None, **shared: Any) -> None:
    """Make a table (6 or table_6) from its metrics files; by default those of its item."""
    job = Job(**shared)
    item = item_name("table", item)
    chosen, digest = job.plan("table", lambda: slices.table(job.config, item))
    metrics = metrics or tuple(job.results / name for name in measurements(job.config, item))
    from drl.reporting.table import table as run

    run(item, metrics, out or job.results / "tables" / f"{item}.csv", chosen, digest)
