"""Commands for one's own images: a study of them, their codes, and a model to give away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.measuring import measured
from drl.cli.options import Job, configured, path, placed, planned
from drl.errors import UserError
from drl.jobs.gpu_slots import gpu_slot
from drl.pipeline import slices
from drl.pipeline.own_study import PARTS, study_file, study_metrics


@cli.command()
@path("--probes", help="The model's probe metrics, which name t. Default: results/<scale>/metrics/probe/….")
@measured
def code_view(
    dataset: str,
    recipe: str,
    seed: int,
    model: Path | None,
    images: Path | None,
    probes: Path | None,
    out: Path | None,
    **shared: Any,
) -> None:
    """Measure silhouettes of a model's codes over t, and bring the codes into two dimensions."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan("code_view", lambda: slices.code_view(job.config, dataset, recipe))
    name = Path(dataset) / recipe / f"seed{seed}.csv"
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.evaluation.code_view import code_view as run

        run(
            model or job.results / "models" / name.with_suffix("") / "model.safetensors",
            images or job.results / "data" / dataset / "images.safetensors",
            probes or job.results / "metrics" / "probe" / name,
            out or job.results / "metrics" / "code_view" / name,
            chosen,
            digest,
            job.run["device"],
            job.run["precision"],
            job.threads,
            {"dataset": dataset, "recipe": recipe, "seed": seed},
        )


@cli.command()
@click.argument("part", type=click.Choice(list(PARTS)))
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, help="A folder of class folders, or a name in `datasets`.")
@path("--out", help="The SVG or CSV; other files go beside it. Default: results/<scale>/study/<dataset>/….")
@planned
@configured
def study(part: str, metrics: tuple[Path, ...], dataset: str, out: Path | None, **shared: Any) -> None:
    """Draw a part of the study of one dataset from its metrics files; `snakemake study` runs all that it needs."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    kind = PARTS[part].kind
    chosen, digest = job.plan(kind, lambda: slices.study(job.config, dataset, part))
    metrics = metrics or tuple(job.results / name for name in study_metrics(job.config, dataset, part))
    out = out or job.results / study_file(dataset, part)
    if kind == "figure":
        from drl.reporting.figure import figure as run
    else:
        from drl.reporting.table import table as run
    run(f"study_{part}", metrics, out, chosen, digest)


@cli.command()
@path("--model", required=True, help="A model.safetensors of any method with an encoder.")
@path("--images", required=True, help="A folder of images in any format and size; folders in it are read too.")
@click.option(
    "--t",
    "times",
    multiple=True,
    default=("0.5",),
    show_default=True,
    help="Where codes are read, in [0, 1]; several as 0,0.5,1 or repeated.",
)
@path("--out", required=True, help="The .npy: codes [n, d], of several t [n, t, d]. File names go beside it as .csv.")
@placed
@configured
def encode(model: Path, images: Path, times: tuple[str, ...], out: Path, **shared: Any) -> None:
    """Write the codes of your own images."""
    job, read = Job(**shared), _times(times)
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.evaluation.encode import encode as run

        run(model, images, read, out, job.where(None))


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
            raise UserError(f"--t {word}: stands twice; give each t once")
        read.append(t)
    return read


@cli.command()
@path("--model", required=True, help="A model.safetensors that drl pretrain wrote.")
@path("--out", required=True, help="A new or empty folder.")
@click.option("--encoder-only", is_flag=True, help="Leave out the score network or decoder: what codes do not need.")
@path("--metrics", "metrics", multiple=True, help="Probe metrics for the card. Default: those in the model's results.")
def export(model: Path, out: Path, encoder_only: bool, metrics: tuple[Path, ...]) -> None:
    """Copy a model's weights into a folder to give away, with a model card (README.md) beside them."""
    from drl.models.export import export as run

    run(model, out, encoder_only, metrics)
