"""`drl run`: Snakemake with this project's workflow, in the folder where the user is."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from drl.cli.extras import need
from drl.cli.group import cli
from drl.config.project import project
from drl.config.said import check_command_line
from drl.errors import UserError

OF_OUR_OWN = ("--snakefile", "-s", "--directory", "-d")  # options that `drl run` gives, or that it replaces
PROFILE = "--workflow-profile"


@cli.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[TARGET]... [SNAKEMAKE OPTIONS]...")
def run(words: tuple[str, ...]) -> None:
    """Make figures and tables: `drl run figure_4 --config scale=lite`.

    Runs Snakemake with this project's workflow and passes on everything that is given, targets first. Results go to
    results/ in the present folder; the exit code is Snakemake's. `drl run -n figure_4` only shows what would run, and
    `drl run -- --help` prints Snakemake's options.
    """
    need("snakemake", "run")
    command = command_line(words, project())
    check_command_line(["snakemake", *command])
    # Snakemake takes this process over, with its terminal, its signals and its exit code. Nothing is imported from the
    # present folder: a random.py there is not Python's.
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "snakemake", *command])


def command_line(words: Sequence[str], folder: Path) -> list[str]:
    """Return the words that Snakemake is given.

    Args:
        words: What the user typed.
        folder: The project's folder. A profile of it may be named as in a checkout (profiles/slurm), or as `slurm`.

    Raises:
        UserError: If a word chooses another workflow.
    """
    rest = list(words)
    for place, word in enumerate(rest):
        name, sign, value = word.partition("=")
        if name in OF_OUR_OWN:
            what = "the present folder" if name in OF_OUR_OWN[2:] else "this project's workflow"
            raise UserError(f"run {name}: drl run uses {what}; leave it out, or run snakemake itself")
        if name == PROFILE and sign:
            rest[place] = f"{PROFILE}={_profile(value, folder)}"
        elif name == PROFILE and place + 1 < len(rest):
            rest[place + 1] = _profile(rest[place + 1], folder)
    # Behind the user's words, where an option that takes several values could take targets for its own.
    return ["--snakefile", str(folder / "Snakefile"), *rest]


def _profile(name: str, folder: Path) -> str:
    """Return the project's own profile of this name, unless there is one in the present folder."""
    if os.path.exists(name) or os.path.exists(os.path.join("profiles", name)):
        return name
    ours = folder / "profiles" / Path(name).name
    return str(ours) if ours.is_dir() and name in (ours.name, f"profiles/{ours.name}") else name
