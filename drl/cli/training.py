"""Commands that make images and models: prepare, pretrain, fine-tune."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import Job, configured, named, path, placed, planned, read_json
from drl.config.recipes import is_file
from drl.jobs.gpu_slots import gpu_slot
from drl.pipeline import slices
from drl.pipeline.items import FineTuning
from drl.records.run_card import write_card


@cli.command()
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`, or a folder.")
@path("--out", help="Default: results/<scale>/data/<dataset>/images.safetensors.")
@click.option(
    "--origins",
    envvar="DRL_ORIGINS",
    help="Where the files of datasets lie and whether they may be downloaded, as JSON. Also: $DRL_ORIGINS.",
)
@planned
@configured
def prepare(dataset: str, out: Path | None, origins: str | None, **shared: Any) -> None:
    """Bring a dataset's images into the one form that all other commands read."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    started = time.monotonic()
    chosen, digest = job.plan("prepare", lambda: slices.prepare(job.config, dataset))
    origin = read_json("--origins", origins, lambda: slices.origins(job.config)).get(dataset, {})
    out = out or job.results / "data" / dataset / "images.safetensors"
    from drl.config.datasets import DatasetSettings
    from drl.data.prepare import prepare as run

    facts = run(dataset, DatasetSettings(**{"title": dataset, **origin, **chosen["dataset"]}), out)
    write_card(
        "prepare",
        [out, out.parent / "files.csv"],
        chosen,
        digest,
        dataset=dataset,
        facts=facts,
        seconds=round(time.monotonic() - started, 2),
    )


@cli.command()
@named
@path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors.")
@path("--out", help="Model file. Default: results/<scale>/models/<dataset>/<recipe>/seed<k>/model.safetensors.")
@path("--start", help="Model to go on from, where the recipe says so. Default: the other recipe's, beside --out.")
@path("--states", help="Folder of the states of unfinished trainings. Default: results/<scale>/.state.")
@planned
@placed
@configured
def pretrain(
    dataset: str,
    recipe: str,
    seed: int,
    images: Path | None,
    out: Path | None,
    start: Path | None,
    states: Path | None,
    **shared: Any,
) -> None:
    """Train a recipe on a dataset. Interrupted, the same command goes on bit for bit."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan("pretrain", lambda: slices.pretrain(job.config, dataset, recipe))
    out = out or job.results / "models" / dataset / recipe / f"seed{seed}" / "model.safetensors"
    before = chosen["recipe"]["start_from"]
    if before is not None and start is None:
        start = Path(before) if is_file(before) else out.parents[2] / before / f"seed{seed}" / out.name
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.training.pretrain import Name
        from drl.training.pretrain import pretrain as run

        run(
            Name(job.results.name, dataset, recipe, seed),
            chosen,
            images or job.results / "data" / dataset / "images.safetensors",
            out,
            states or job.results / ".state",
            digest,
            job.resources,
            start,
        )


@cli.command()
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`, or a folder.")
@click.option("--arm", required=True, help="Name in the configuration's `arms`.")
@click.option("--labels", type=click.IntRange(1), required=True, help="Images that keep their labels.")
@click.option("--split", type=click.IntRange(0), help="Which ones. Default: the configured one of the seed.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the run and of its model.")
@path("--model", help="What the arm starts from. Default: in results/<scale>/models/<dataset>/<recipe>/seed<k>/.")
@path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors.")
@path("--out", help="Default: results/<scale>/metrics/fine_tune/<dataset>/<arm>/labels<n>_split<s>_seed<k>.csv.")
@path("--states", help="Folder of the states of unfinished jobs. Default: results/<scale>/.state.")
@planned
@placed
@configured
def fine_tune(
    dataset: str,
    arm: str,
    labels: int,
    split: int | None,
    seed: int,
    model: Path | None,
    images: Path | None,
    out: Path | None,
    states: Path | None,
    **shared: Any,
) -> None:
    """Train a classifier on few labels, from a pretrained encoder or from scratch (LaplaceNet; Tables 1 to 5)."""
    job = Job(**shared)
    dataset = job.dataset(dataset)
    chosen, digest = job.plan("fine_tune", lambda: slices.fine_tune(job.config, dataset, arm, labels))
    split = job.config.splits(seed)[0] if split is None else split
    recipe = chosen["arm"]["model"]
    if recipe is not None and model is None:
        model = job.results / "models" / dataset / recipe / f"seed{seed}" / "model.safetensors"
    name = FineTuning(dataset, arm, labels, split, seed)
    with gpu_slot(job.run["device"], job.run["gpu_slots"]):
        from drl.laplacenet.fine_tune import Run
        from drl.laplacenet.fine_tune import fine_tune as run

        run(
            Run(job.results.name, dataset, arm, labels, split, seed),
            chosen,
            images or job.results / "data" / dataset / "images.safetensors",
            out or job.results / "metrics" / "fine_tune" / f"{name.name}.csv",
            states or job.results / ".state",
            digest,
            job.resources,
            model,
        )
