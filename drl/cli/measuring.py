"""Commands that measure models: one for each study."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import Command, Job, configured, named, path, placed, planned
from drl.config.theory import DATASET
from drl.jobs.gpu_slots import gpu_slot
from drl.pipeline import slices


def measured(command: Command) -> Command:
    """Add the options of a measurement: a model, its images, a CSV."""
    for option in (
        configured,
        placed,
        planned,
        path("--out", help="Default: results/<scale>/metrics/<study>/<dataset>/<recipe>/seed<k>.csv."),
        path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors."),
        path("--model", help="What to measure. Default: in results/<scale>/models/<dataset>/<recipe>/seed<k>/."),
        named,
    ):
        command = option(command)
    return command


def measure(
    study: str,
    dataset: str,
    recipe: str,
    seed: int,
    model: Path | None,
    images: Path | None,
    out: Path | None,
    file: str = "model.safetensors",
    placing: Callable[[Job], dict[str, Any]] | None = None,
    **shared: Any,
) -> None:
    """Run the function `study` of drl.evaluation.<study> on a file that pretraining wrote."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan(study, lambda: getattr(slices, study)(job.config, dataset, recipe))
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        run = getattr(importlib.import_module(f"drl.evaluation.{study}"), study)
        if placing is None:
            where = {"device": job.run["device"], "precision": job.run["precision"], "threads": job.threads}
        else:
            where = placing(job)
        run(
            model or job.results / "models" / dataset / recipe / f"seed{seed}" / file,
            images or job.results / "data" / dataset / "images.safetensors",
            out or job.results / "metrics" / study / dataset / recipe / f"seed{seed}.csv",
            chosen,
            digest,
            expected={"dataset": dataset, "recipe": recipe, "seed": seed},
            **where,
        )


@cli.command()
@measured
def probe(**options: Any) -> None:
    """Measure how much of the classes a small network reads from a model's frozen codes, for each t."""
    measure("probe", **options)


@cli.command()
@measured
def few_shot(**options: Any) -> None:
    """Measure how much of the classes a support vector machine reads from the codes of a few images, for each t."""
    measure("few_shot", **options)


@cli.command()
@measured
def learning_speed(**options: Any) -> None:
    """Probe the snapshots that a training kept of its encoder."""
    measure("learning_speed", file="snapshots.safetensors", **options)


def generated(command: Command) -> Command:
    """Add the options of a study that draws samples: those of a measurement, and where unfinished ones are kept."""
    return measured(
        path("--states", help="Folder of the states of unfinished jobs. Default: results/<scale>/.state.")(command)
    )


def generate(study: str, states: Path | None, **options: Any) -> None:
    """Run a study that draws samples."""
    measure(study, placing=lambda job: {"where": job.where(states)}, **options)


@cli.command()
@generated
def latent_grid(**options: Any) -> None:
    """Read the 2-d codes of the test images, and sample from codes over a square (Figures 2, 3)."""
    generate("latent_grid", **options)


@cli.command()
@generated
def code_swap(**options: Any) -> None:
    """Denoise noisy images with other images' codes (Figure 6)."""
    generate("code_swap", **options)


@cli.command()
@generated
def one_code(**options: Any) -> None:
    """Draw many samples from one code (Figure 7)."""
    generate("one_code", **options)


@cli.command()
@generated
def later_start(**options: Any) -> None:
    """Draw samples whose chains begin at t_init < 1 (Figure 13, Table 6)."""
    generate("later_start", **options)


@cli.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`, or a folder.")
@path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors.")
@path("--out", help="Default: results/<scale>/metrics/silhouettes/<dataset>.csv.")
@planned
@placed
@configured
def silhouettes(models: tuple[Path, ...], dataset: str, images: Path | None, out: Path | None, **shared: Any) -> None:
    """Measure how well classes part in the codes of models that were each trained at a single t (Figure 12)."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan("silhouettes", lambda: slices.silhouettes(job.config, dataset))
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.evaluation.silhouettes import silhouettes as run

        run(
            models,
            images or job.results / "data" / dataset / "images.safetensors",
            out or job.results / "metrics" / "silhouettes" / f"{dataset}.csv",
            chosen,
            digest,
            job.where(None),
        )


@cli.command()
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of weights, samples and noise.")
@path("--out", help="Default: results/<scale>/metrics/theory/mixture/seed<k>.csv.")
@planned
@placed
@configured
def theory(seed: int, out: Path | None, **shared: Any) -> None:
    """Check Eq. 6, the kernels and Proposition 2.1 on a mixture of Gaussians, whose score is known.

    It computes on the processor, whatever `run.device` says.
    """
    job = Job(**shared)
    chosen, digest = job.plan("theory", lambda: slices.theory(job.config))
    dataset, _ = DATASET
    about = {"scale": job.scale or job.config.scale, "dataset": dataset, "seed": seed}
    from drl.theory.study import theory as run

    run(about, out or job.results / "metrics" / "theory" / dataset / f"seed{seed}.csv", chosen, digest, job.threads)


@cli.command()
@named
@path(
    "--samples", help="What drl later-start drew. Default: results/<scale>/metrics/later_start/…/seed<k>.safetensors."
)
@path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors.")
@path("--extractor", help="The supervised model. Default: the configured recipe's, seed 0; unused with Inception.")
@path("--out", help="Default: results/<scale>/metrics/fid/<dataset>/<recipe>/seed<k>.csv.")
@planned
@placed
@configured
def fid(
    dataset: str,
    recipe: str,
    seed: int,
    samples: Path | None,
    images: Path | None,
    extractor: Path | None,
    out: Path | None,
    **shared: Any,
) -> None:
    """Measure samples by the Fréchet distance of their features to the training images' (Table 6)."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan("fid", lambda: slices.fid(job.config, dataset, recipe))
    name = Path(dataset) / recipe / f"seed{seed}.csv"
    if chosen["fid"]["extractor"] == "supervised" and extractor is None:
        extractor = job.results / "models" / dataset / chosen["fid"]["recipe"] / "seed0" / "model.safetensors"
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.evaluation.fid import fid as run

        run(
            samples or (job.results / "metrics" / "later_start" / name).with_suffix(".safetensors"),
            images or job.results / "data" / dataset / "images.safetensors",
            out or job.results / "metrics" / "fid" / name,
            chosen,
            digest,
            job.where(None),
            extractor,
            {"dataset": dataset, "recipe": recipe, "seed": seed},
        )
