"""The command `drl`, of which all others are subcommands."""

from __future__ import annotations

import click

from drl import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="drl")
def cli() -> None:
    """Diffusion based representation learning: every figure and table of the paper.

    Each command is one step of the pipeline and works without Snakemake. `snakemake figure_4` runs all that it needs.
    """
