"""Commands for your own images: compute their codes, and export a model to share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import Invocation, configured, model_file, path, placed, writes
from drl.data.regular import shown
from drl.errors import UserError, clean


@cli.command()
@model_file(
    "--model",
    complete=False,
    required=True,
    help="A model.safetensors of any method with codes, or a folder of drl export.",
)
@path("--images", required=True, help="A folder of images in any format and size; its subfolders are read too.")
@click.option(
    "--t",
    "times",
    multiple=True,
    default=("0.5",),
    show_default=True,
    help="Times at which codes are read, in [0, 1]; give several as 0,0.5,1 or repeat the option.",
)
@writes(
    "--out",
    required=True,
    help="The .npy: codes [n, d], or [n, t, d] for several t. File names are written beside it as .csv.",
)
@placed
@configured
def encode(model: Path, images: Path, times: tuple[str, ...], out: Path, **shared: Any) -> None:
    """Write the codes of your own images."""
    call, read = Invocation(**shared), _times(times)
    with call.gpu():
        from drl.evaluation.encode import encode as run

        run(model, images, read, out, call.resources())


def _times(words: tuple[str, ...]) -> list[float]:
    """Read `--t 0,0.5 --t 1`."""
    read: list[float] = []
    for word in (part.strip() for given in words for part in given.split(",")):
        try:
            t = float(word)
        except ValueError:
            t = -1.0
        if not 0 <= t <= 1:
            raise UserError(f"--t {word}: give numbers in [0, 1], such as 0.5 or 0,0.5,1")
        if t in read:
            raise UserError(f"--t {word}: given twice; give each t once")
        read.append(t)
    return read


@cli.command()
@model_file("--model", required=True, help="A model.safetensors that drl pretrain wrote, or its folder.")
@writes("--out", folder=True, required=True, help="A new or empty folder.")
@click.option("--encoder-only", is_flag=True, help="Leave out the networks that codes do not need.")
@click.option(
    "--used-only",
    is_flag=True,
    help="Leave out the weights that neither codes nor samples use, half of all. No training can start from the rest.",
)
@path("--metrics", "metrics", multiple=True, help="Probe metrics for the card. Default: those in the model's results.")
def export(model: Path, out: Path, encoder_only: bool, used_only: bool, metrics: tuple[Path, ...]) -> None:
    """Copy a model's weights into a folder to share, with a model card (README.md) beside them."""
    from drl.models.export import export as run

    if encoder_only and used_only:
        raise UserError("export: give one of --encoder-only and --used-only")
    weights = run(model, out, "encoder" if encoder_only else "used" if used_only else "all", metrics)
    click.echo(
        f"{shown(out)}: {weights.name}, its settings and run cards; read the model card, README.md, before you share "
        f"it, and load it in Python with drl.load({str(out)!r})"
    )


@cli.command()
@writes("--out", help="Also write the picture as a PNG.")
def example(out: Path | None) -> None:
    """Show what a trained model does, in the terminal: images, and samples from their codes. Takes some seconds.

    The model is small (1.2 MB) and comes with the package; `drl.example()` loads it in Python.
    """
    if out is not None and out.suffix.lower() != ".png":
        raise UserError(f"{out}: the picture is a PNG; give a name that ends in .png")
    if out is None and not sys.stdout.isatty():
        click.echo(
            "drl example shows its picture in a terminal only; drl example --out example.png writes it to a file"
        )
        return
    import torch

    from drl.api.example import example_picture, show, write

    torch.set_num_threads(1)  # such small networks are no faster with more
    picture = example_picture()
    if out is not None:
        write(picture, out)
    show(picture)
    click.echo("Top: images that the model was not trained on. Below: samples from their codes, two of each.")
    if out is not None:
        click.echo(f"{clean(out)} has all of them.")
