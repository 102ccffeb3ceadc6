"""Commands for users, which no rule calls."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, get_args

import click

from drl.cli.group import cli
from drl.cli.options import (
    AS_JSON,
    SEED,
    Finite,
    Invocation,
    Named,
    configured,
    echo_json,
    model_file,
    path,
    placed,
    writes,
)
from drl.config.layers import layers, merged, own_layers
from drl.config.origins import origins
from drl.config.project import project
from drl.config.resolve import recipe as resolve_recipe
from drl.config.sampling import Prior
from drl.config.schema import SCALES, Config
from drl.data.regular import shown
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.own_images import with_folders_of_results
from drl.pipeline.studies.training import dataset_known


@cli.command()
@model_file("--model", required=True, help="A model.safetensors of drl or vdrl, or a folder of drl export.")
@path("--images", required=True, help="A folder of images in any format and size.")
@writes("--out", required=True, help="The PNG: one row per image, starting with the original, then its samples.")
@click.option("--t", type=Finite(0, 1), default=0.5, show_default=True, help="The time at which codes are read.")
@click.option(
    "--t-init", type=Finite(), default=1.0, show_default=True, help="The time at which chains begin, above 0."
)
@click.option(
    "--prior", type=Named(get_args(Prior)), default="gaussian", show_default=True, help="What chains begin from."
)
@path("--training-images", help="With --prior mean_image: the images.safetensors that the model was trained on.")
@click.option("--samples", type=click.IntRange(1, 1000), default=8, show_default=True, help="Samples per image.")
@click.option("--steps", type=click.IntRange(2, 100_000), help="Steps of the sampler. Default: the recipe's.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the samples' noise.")
@click.option(
    "--most-images", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Refuse a larger folder."
)
@click.option(
    "--most-minutes",
    type=Finite(0, min_open=True),
    default=60.0,
    show_default=True,
    help="Stop if the first steps show that all would take longer.",
)
@placed
@configured
def sample(
    model: Path,
    images: Path,
    out: Path,
    t: float,
    t_init: float,
    prior: Any,
    training_images: Path | None,
    samples: int,
    steps: int | None,
    seed: int,
    most_images: int,
    most_minutes: float,
    **shared: Any,
) -> None:
    """Draw samples from the codes of your own images; it says how long that takes once it has measured a few steps."""
    from drl.evaluation.sample import SampleOptions
    from drl.evaluation.sample import sample as run
    from drl.models.model_file import header

    about = header(model).about
    call = Invocation(**shared | {"scale": shared["scale"] or about.scale})
    try:
        sampler = resolve_recipe(call.config, about.recipe, dataset_known(call.config, about.dataset)).sampler
    except UserError as error:
        raise UserError(f"{model}: {error}; give the --configfile that it was trained with") from error
    sampler = sampler if steps is None else sampler.model_copy(update={"steps": steps})
    with call.gpu():
        options = SampleOptions(t, t_init, prior, samples, seed, sampler, most_images, most_minutes)
        run(model, images, out, options, call.resources(), training_images)


@cli.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--dataset", default="cifar10", show_default=True, help="The dataset that it was trained on.")
@click.option("--recipe", default="song_deep", show_default=True, help="The recipe that describes its network.")
@writes("--out", required=True, help="The model.safetensors to write.")
@configured
def convert(checkpoint: Path, dataset: str, recipe: str, out: Path, **shared: Any) -> None:
    """Convert a published VE NCSN++ checkpoint of score_sde_pytorch into a model file of this project (Table 6)."""
    # Other scales make every network small, but published networks are large.
    config = Invocation(**shared | {"scale": shared["scale"] or "paper"}).config
    settings = resolve_recipe(config, recipe, dataset_known(config, dataset))
    images = config.datasets[dataset]
    from drl.methods.base import ImageFacts
    from drl.models.convert import convert as run
    from drl.models.model_file import About

    facts = ImageFacts(images.channels, images.image_size, images.classes)
    about = About(config.scale, dataset, recipe, 0)
    run(checkpoint, out, settings, facts, about)


@cli.command()
@click.argument("recipe")
@click.option(
    "--dataset", help="The dataset whose image size is used. Default: the first dataset of the scale's figure 4."
)
@AS_JSON
@configured
def describe(recipe: str, dataset: str | None, as_json: bool, **shared: Any) -> None:
    """Print a resolved recipe with the file and key that set each value, and the size of its networks."""
    call = Invocation(**shared)
    dataset = call.dataset(dataset) if dataset is not None else call.config.item_datasets("figure_4")[0]
    images = call.config.datasets[dataset_known(call.config, dataset)]
    settings = resolve_recipe(call.config, recipe, dataset)
    found = origins(call.config, layers(own_layers(call.scale, call.files, call.sets)), recipe, dataset)
    from drl.methods.describe import described, lines

    about = described(recipe, dataset, images, settings, found)
    if as_json:
        echo_json(about)
    else:
        click.echo("\n".join(lines(about)))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--remove", is_flag=True, help="Remove results that were changed after they were made, so that they are made again."
)
@click.option("--yes", is_flag=True, help="With --remove: do not ask.")
@AS_JSON
@configured
def verify(
    folder: Path,
    remove: bool,
    yes: bool,
    as_json: bool,
    scale: str | None,
    files: tuple[Path, ...],
    sets: tuple[str, ...],
) -> None:
    """Check results against their run cards, the current code and the current configuration."""
    from drl.records.verify import by_earlier_code
    from drl.records.verify import verify as run

    if remove and as_json:
        raise UserError("verify: --json lists faults, and --remove asks about them; give one of them")
    config = resolve(scale or (folder.name if folder.name in SCALES else None), files, sets)
    config = with_folders_of_results(config, folder)
    if remove:
        _remove(folder, config, yes)
        return
    faults = run(folder, config)
    if as_json:
        echo_json({"folder": str(folder), "faults": faults})
    else:
        earlier = by_earlier_code(folder)
        whole = (
            f"all results are whole; {earlier} of them were made by earlier code, at the commits that their cards name"
        )
        said = f"{len(faults)} fault{'s' * (len(faults) != 1)}" if faults else "all results are whole and up to date"
        click.echo("\n".join([*faults, f"{folder}: {said if faults or not earlier else whole}"]))
    if faults:
        sys.exit(1)


@cli.command()
@click.argument("items", nargs=-1)
@writes("--to", folder=True, required=True, help="The folder, such as docs/results.")
@configured
def publish(items: tuple[str, ...], to: Path, **shared: Any) -> None:
    """Copy finished figures, tables and numbers with their run cards into a folder for a repository or a paper.

    Images and weights stay out, but their cards do not: `drl verify` checks the copy as well. Without ITEMS, all
    that is finished is copied, the verdict too.
    """
    from drl.records.publish import choose, finished
    from drl.records.publish import publish as run

    call = Invocation(**shared)
    found = finished(call.results, call.config, items)
    stale = run(call.results, choose(call.results, found), to)
    for file in stale:
        click.echo(f"{shown(file)}: is of an earlier publication, and no longer part of it; remove it")
    check = f"check them with `drl verify {shown(to)} --scale {call.scale_name}`"
    click.echo(f"{shown(to)}: {len(found)} drawings, with all that they came from; {check}")


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@AS_JSON
@configured
def adopt(folder: Path | None, as_json: bool, **shared: Any) -> None:
    """Let results that were copied to results/<scale> count as made, if they are whole and up to date.

    Snakemake goes by the times of files and by its own records, which copies lack. It calls this itself before a run.
    """
    scale = shared["scale"] or (folder.name if folder is not None and folder.name in SCALES else None)
    call = Invocation(**shared | {"scale": scale})
    if folder is not None and os.path.realpath(folder) != os.path.realpath(call.results):
        raise UserError(f"adopt: {folder} is not {call.results}; copy results there, or give --scale")
    if not call.results.is_dir():
        raise UserError(f"adopt: there is no folder {call.results} here; call it where you call snakemake or drl run")
    from drl.records.adopt import adopt as run
    from drl.records.adopt import adoptable, told
    from drl.records.linked import check_links

    check_links(call.results, call.config)
    found = adoptable(call.results, call.config)
    renamed = run(
        call.results,
        found,
        merged(own_layers(call.scale, call.files, call.sets)),
        ["--snakefile", str(project() / "Snakefile")],
    )
    if as_json:
        whole = [(call.results / job.output).as_posix() for job in found.whole]
        echo_json({"folder": str(call.results), "count_as_made": whole, "others": found.others})
    else:
        click.echo("\n".join(told(call.results, found, renamed)))


def _remove(folder: Path, config: Config, yes: bool) -> None:
    """Show which results are damaged, ask, and remove them."""
    from drl.records.removal import damaged, remove

    found = damaged(folder, config)
    for line in found.left:
        click.echo(line)
    for file in found.files:
        click.echo(f"{shown(file)}: to be removed")
    if not found.files:
        why = "what is damaged is left alone" if found.left else "nothing was changed after it was made"
        click.echo(f"{shown(folder)}: {why}, so nothing is removed")
        return
    try:
        agreed = yes or click.confirm(f"Remove these files ({len(found.files)})?")
    except click.Abort as error:
        raise UserError("nothing was removed, because nobody answered; give --yes to remove without asking") from error
    if not agreed:
        raise UserError("nothing was removed")
    gone = 0
    for file, reason in remove(found):
        gone += reason is None
        click.echo(f"{shown(file)}: " + ("removed" if reason is None else f"{reason}; left alone"))
    click.echo(f"{shown(folder)}: " + ("snakemake makes what was removed again" if gone else "nothing was removed"))


@cli.command(hidden=True)
@click.option("--short", is_flag=True, help="The README's: only commands and what they make.")
def items(short: bool) -> None:
    """Print the table of the paper's items for docs/costs.md (`drl list items` is for users)."""
    from drl.costs.items_table import known_costs, markdown_table, short_table

    config = resolve("paper")
    click.echo(short_table(config) if short else markdown_table(config, known_costs()))


@cli.command(hidden=True)
def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    from drl.config.json_schema import json_schema

    click.echo(json_schema(), nl=False)
