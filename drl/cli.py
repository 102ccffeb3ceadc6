"""`drl`: one subcommand for each rule of the pipeline. Parses, calls, reports errors; no logic."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from drl import __version__, provenance
from drl.config import slices
from drl.config.recipes import is_file
from drl.config.resolve import resolve
from drl.config.schema import SCALES, Config
from drl.errors import Unfinished, UserError
from drl.gpu_slots import gpu_slot
from drl.items import FineTuning, item_name, markdown_table, measurements

STOPPED = 75  # EX_TEMPFAIL: the state is saved, the same command goes on
Command = Callable[..., None]


@dataclass
class Job:
    """The options that commands share. The configuration is read when it is first asked for: with --settings, never."""

    scale: str | None = None
    files: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    settings: str | None = None
    code: str | None = None
    run_json: str | None = None
    threads: int | None = None

    @cached_property
    def config(self) -> Config:
        """The checked configuration."""
        return resolve(self.scale, self.files, self.sets)

    @property
    def results(self) -> Path:
        """results/<scale>."""
        return Path("results") / (self.scale or self.config.scale)

    @property
    def run(self) -> dict[str, Any]:
        """Where and how to run."""
        return read_json("--run", self.run_json, lambda: self.config.run.slice())

    def where(self, states: Path | None) -> Any:
        """Where a sampling job computes and keeps its state."""
        from drl.evaluation.where import Where

        run = self.run
        known = {key: run[key] for key in ("device", "precision", "compile", "wall_clock_minutes", "save_minutes")}
        more = {"batch": run["sampling_batch"], "inception_weights": run["inception_weights"]}
        return Where(states or self.results / ".state", threads=self.threads, **known, **more)

    @property
    def resources(self) -> Any:
        """What a training may use."""
        from drl.training.run import Resources

        ours = {"sampling_batch", "inception_weights"}
        return Resources(threads=self.threads, **{key: value for key, value in self.run.items() if key not in ours})

    def plan(self, command: str, otherwise: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
        """Return the job's settings and the digest of its code, both compared with what was planned."""
        chosen = read_json("--settings", self.settings, otherwise)
        return chosen, provenance.check_code(command, chosen, self.code)


def configured(command: Command) -> Command:
    """Add the options that choose a configuration."""
    for option in (
        click.option("--set", "sets", multiple=True, metavar="a.b=v", help="Change one setting; may be repeated."),
        click.option(
            "--configfile",
            "files",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Your own YAML file, laid over config.yaml and the scale; may be repeated.",
        ),
        click.option("--scale", type=click.Choice(SCALES), help="How much compute. Default: what config.yaml says."),
    ):
        command = option(command)
    return command


def planned(command: Command) -> Command:
    """Add the options by which Snakemake hands a job what it planned."""
    command = click.option("--code", help="Digest of the code the job was planned with; another one stops it.")(command)
    return click.option("--settings", help="The job's settings as JSON, instead of reading the configuration.")(command)


def placed(command: Command) -> Command:
    """Add the options that say where to compute."""
    command = click.option(
        "--run", "run_json", envvar="DRL_RUN", help="The configuration's `run` section as JSON. Also: $DRL_RUN."
    )(command)
    return click.option("--threads", type=click.IntRange(1), help="CPU threads. Default: torch's choice.")(command)


def named(command: Command) -> Command:
    """Add the options that name a model."""
    command = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the pretraining.")(
        command
    )
    command = click.option("--recipe", required=True, help="Name in the configuration's `recipes`.")(command)
    return click.option("--dataset", required=True, help="Name in the configuration's `datasets`.")(command)


def path(*names: str, **more: Any) -> Callable[[Command], Command]:
    """Return an option that takes a path."""
    return click.option(*names, type=click.Path(path_type=Path), **more)


def read_json(option: str, given: str | None, otherwise: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Read an option's JSON object, or resolve the same from the configuration."""
    if given is None:
        return otherwise()
    remedy = "leave it out to read the configuration"
    try:
        value = json.loads(given)
    except ValueError as error:
        raise UserError(f"{option}: is not JSON ({error}); {remedy}") from error
    if not isinstance(value, dict) or not value:
        raise UserError(f"{option}: must be a JSON object; {remedy}")
    return value


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="drl")
def cli() -> None:
    """Diffusion based representation learning: every figure and table of the paper.

    Each command is one step of the pipeline and works without Snakemake; with it, `snakemake figure_4` runs them all.
    """


@cli.command()
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`.")
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
    started = time.monotonic()
    chosen, digest = job.plan("prepare", lambda: slices.prepare(job.config, dataset))
    origin = read_json("--origins", origins, lambda: slices.origins(job.config)).get(dataset, {})
    out = out or job.results / "data" / dataset / "images.safetensors"
    from drl.config.datasets import DatasetSettings
    from drl.data.prepare import prepare as run

    facts = run(dataset, DatasetSettings(**{"title": dataset, **origin, **chosen["dataset"]}), out)
    provenance.write_card(
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
    chosen, digest = job.plan("pretrain", lambda: slices.pretrain(job.config, dataset, recipe))
    out = out or job.results / "models" / dataset / recipe / f"seed{seed}" / "model.safetensors"
    before = chosen["recipe"]["start_from"]
    if before is not None and start is None:
        start = Path(before) if is_file(before) else out.parents[2] / before / f"seed{seed}" / out.name
    with gpu_slot(job.run["device"]):
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
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`.")
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
    chosen, digest = job.plan("fine_tune", lambda: slices.fine_tune(job.config, dataset, arm, labels))
    split = job.config.splits(seed)[0] if split is None else split
    recipe = chosen["arm"]["model"]
    if recipe is not None and model is None:
        model = job.results / "models" / dataset / recipe / f"seed{seed}" / "model.safetensors"
    name = FineTuning(dataset, arm, labels, split, seed)
    with gpu_slot(job.run["device"]):
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
    chosen, digest = job.plan(study, lambda: getattr(slices, study)(job.config, dataset, recipe))
    with gpu_slot(job.run["device"]):
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
@path("--model", required=True, help="A model.safetensors of drl or vdrl.")
@path("--images", required=True, help="A folder of images in any format and size.")
@path("--out", required=True, help="The PNG: a row an image, itself first, then its samples.")
@click.option("--t", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Where codes are read.")
@click.option("--t-init", type=float, default=1.0, show_default=True, help="Where chains begin, above 0.")
@click.option("--prior", type=click.Choice(["gaussian", "uniform_gaussian"]), default="gaussian", show_default=True)
@click.option("--samples", type=click.IntRange(1), default=8, show_default=True, help="For each image.")
@click.option("--steps", type=click.IntRange(2), help="Of the sampler's grid. Default: the recipe's.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the samples' noise.")
@placed
@configured
def sample(
    model: Path,
    images: Path,
    out: Path,
    t: float,
    t_init: float,
    prior: Any,
    samples: int,
    steps: int | None,
    seed: int,
    **shared: Any,
) -> None:
    """Draw samples from the codes of your own images."""
    from drl.evaluation.sample import sample as run
    from drl.models.model_file import header

    about = header(model)["about"]
    job = Job(**shared | {"scale": shared["scale"] or about["scale"]})
    try:
        sampler = slices.sampler(job.config, about["dataset"], about["recipe"])
    except UserError as error:
        raise UserError(f"{model}: {error}; give the --configfile that it was trained with") from error
    sampler |= {} if steps is None else {"steps": steps}
    with gpu_slot(job.run["device"]):
        run(model, images, out, t, t_init, prior, samples, seed, sampler, job.where(None))


@cli.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--dataset", default="cifar10", show_default=True, help="Whose images it was trained on.")
@click.option("--recipe", default="song_deep", show_default=True, help="What describes its network.")
@path("--out", required=True, help="The model.safetensors to write.")
@configured
def convert(checkpoint: Path, dataset: str, recipe: str, out: Path, **shared: Any) -> None:
    """Bring a published VE NCSN++ checkpoint of score_sde_pytorch into this project's form (Table 6)."""
    # Other scales make every network small, and published ones are not.
    job = Job(**shared | {"scale": shared["scale"] or "paper"})
    settings = slices.pretrain(job.config, dataset, recipe)["recipe"]
    images = job.config.datasets[dataset]
    from drl.methods.base import ImageFacts
    from drl.models.convert import convert as run

    facts = ImageFacts(images.channels, images.image_size, images.classes)
    about = {"scale": job.config.scale, "dataset": dataset, "recipe": recipe, "seed": 0}
    run(checkpoint, out, settings, facts, about)


@cli.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, help="Name in the configuration's `datasets`.")
@path("--images", help="Prepared images. Default: results/<scale>/data/<dataset>/images.safetensors.")
@path("--out", help="Default: results/<scale>/metrics/silhouettes/<dataset>.csv.")
@planned
@placed
@configured
def silhouettes(models: tuple[Path, ...], dataset: str, images: Path | None, out: Path | None, **shared: Any) -> None:
    """Measure how well classes part in the codes of models that were each trained at a single t (Figure 12)."""
    job = Job(**shared)
    chosen, digest = job.plan("silhouettes", lambda: slices.silhouettes(job.config, dataset))
    with gpu_slot(job.run["device"]):
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
    chosen, digest = job.plan("fid", lambda: slices.fid(job.config, dataset, recipe))
    name = Path(dataset) / recipe / f"seed{seed}.csv"
    if chosen["fid"]["extractor"] == "supervised" and extractor is None:
        extractor = job.results / "models" / dataset / chosen["fid"]["recipe"] / "seed0" / "model.safetensors"
    with gpu_slot(job.run["device"]):
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


@cli.command()
@click.argument("recipe")
@click.option("--dataset", help="Whose image size to build for. Default: the first dataset of the scale's figure 4.")
@configured
def describe(recipe: str, dataset: str | None, **shared: Any) -> None:
    """Print a resolved recipe, the parameters of each part, operations and memory."""
    config = Job(**shared).config
    dataset = dataset or config.item_datasets("figure_4")[0]
    chosen = slices.pretrain(config, dataset, recipe)
    from drl.methods.describe import describe as run

    click.echo(run(recipe, dataset, config.datasets[dataset], chosen["recipe"]))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@configured
def verify(folder: Path, scale: str | None, files: tuple[Path, ...], sets: tuple[str, ...]) -> None:
    """Check results against their run cards, the present code and the present configuration."""
    from drl.verify import verify as run

    faults = run(folder, resolve(scale or (folder.name if folder.name in SCALES else None), files, sets))
    for line in faults:
        click.echo(line)
    click.echo(f"{folder}: {len(faults)} faults" if faults else f"{folder}: all results are whole and up to date")
    if faults:
        sys.exit(1)


@cli.command()
def items() -> None:
    """Print the table of the paper's items, as it stands in the README."""
    click.echo(markdown_table())


@cli.command()
def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    from drl.config.json_schema import json_schema

    click.echo(json_schema(), nl=False)


def main() -> None:
    """Run the command line; bad input becomes one line and exit code 2."""
    from click.exceptions import ClickException, Exit

    try:
        cli(standalone_mode=False)
    except UserError as error:
        fail(str(error), 2)
    except ClickException as error:
        fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted", 130)
    except Exit as error:
        sys.exit(error.exit_code)
    except Unfinished as error:
        fail(str(error), STOPPED)
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}; mend that and run again", 2)


def fail(message: str, code: int) -> None:
    """Print one line and exit."""
    print(f"drl: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
