"""Commands about the costs of items: a plan before they are made, and a table afterwards."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import AS_JSON, THREADS, Finite, Invocation, configured, echo_json
from drl.config.schema import SCALES
from drl.config.words import unquoted
from drl.errors import UserError, clean, nearest

AXES = ("scale", "dataset", "seeds")  # what `snakemake --config` carries


def axes(words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Read KEY=VALUE words as `snakemake --config` does; return the scale, and the other words in the form of `--set`.

    Raises:
        UserError: If a key is unknown, or given twice.
    """
    scale, sets, seen = None, [], set()
    for word in words:
        key, sign, value = word.partition("=")
        if key in seen:
            raise UserError(f"--config {clean(word)}: {key} is given twice; give it once")
        seen.add(key)
        if not sign or key not in AXES:
            raise UserError(f"--config {clean(word)}: {nearest(key, AXES)}; other settings: --set a.b=v")
        if key == "scale":
            scale = unquoted(value)
        else:
            sets.append(word)
    return scale, tuple(sets)


@cli.command()
@click.argument("targets", nargs=-1)
@click.option(
    "--config", "pairs", multiple=True, metavar="KEY=VALUE", help="As in Snakemake: scale=, dataset=, seeds=."
)
@click.option("--threads", type=THREADS, help="CPU threads of a job. Default: as many as its rule gives it.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 100_000),
    help="Jobs that run side by side, as on a cluster. Default: as many as this machine takes.",
)
@click.option("--calibrate", is_flag=True, help="Measure all rates again.")
@click.option(
    "--no-calibration", is_flag=True, help="Measure nothing: use known rates, and estimate the others from operations."
)
@click.option(
    "--minutes", type=Finite(0), default=3.0, show_default=True, help="The longest that calibration may take."
)
@click.option(
    "--operations-per-second",
    type=Finite(1e6, 1e24),
    help="Plan for a device that is not available: its floating-point operations per second, two per multiply-add.",
)
@AS_JSON
@configured
def plan(
    targets: tuple[str, ...],
    pairs: tuple[str, ...],
    threads: int | None,
    jobs: int | None,
    calibrate: bool,
    no_calibration: bool,
    minutes: float,
    operations_per_second: float | None,
    as_json: bool,
    **shared: Any,
) -> None:
    """Print what items (figure_4, table_1, all, all_figures, all_tables) need: jobs, hours on this device, disk space.

    Rates are measured on this device once, in a few minutes, and kept.
    """
    # As in Snakemake's `--config a=1 b=2`: a word with an equals sign is not a target.
    scale, sets = axes([*pairs, *(word for word in targets if "=" in word)])
    if calibrate and no_calibration:
        raise UserError("plan: --calibrate and --no-calibration contradict each other; give one of them")
    call = Invocation(**shared | {"scale": shared["scale"] or scale, "sets": (*shared["sets"], *sets)})
    from drl.costs.plan import run

    run(
        call.config,
        [word for word in targets if "=" not in word],
        call.results,
        threads,
        as_json,
        jobs,
        afresh=calibrate,
        measure=not no_calibration,
        minutes=minutes,
        per_second=operations_per_second,
    )


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@AS_JSON
@click.option(
    "--record", "recorded", is_flag=True, help="Also write the costs to docs/results/costs.csv, for `drl items`."
)
@configured
def costs(folder: Path | None, as_json: bool, recorded: bool, **shared: Any) -> None:
    """Print what each item of a folder of results (default: results/<scale>) cost, and write the folder's costs.csv."""
    scale = shared["scale"] or (folder.name if folder is not None and folder.name in SCALES else None)
    call = Invocation(**shared | {"scale": scale})
    from drl.costs.show import show
    from drl.costs.spent import Spent, spent_parts, write_csv

    spent = Spent.read(folder or call.results, call.config)
    file = write_csv(spent)
    if recorded:
        from drl.costs.items_table import record

        record(spent, call.config.scale)
    if as_json:
        echo_json(spent.plain())
        return
    show(spent_parts(spent))
    click.echo(f"also in {os.path.relpath(file)}")
