"""One command per step of the pipeline, made from the step's entry in drl/pipeline/registry.py."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Mapping
from contextlib import nullcontext
from os.path import realpath
from pathlib import Path
from typing import Any

import click

from drl.cli.group import cli
from drl.cli.options import (
    AS_JSON,
    SEED,
    Command,
    Invocation,
    Named,
    configured,
    echo_json,
    model_file,
    path,
    placed,
    planned,
    writes,
)
from drl.data.csv_text import MOST_BYTES
from drl.data.regular import read_regular
from drl.errors import UserError
from drl.jobs.job import Job
from drl.jobs.tensorboard import check_installed, tensorboard
from drl.out_places import check_file_place, check_folder_place, home_path
from drl.pipeline.drawing import CLAIMS, COMPARE, FIGURE, STUDY_PARTS, TABLE, item_step
from drl.pipeline.items import item_name
from drl.pipeline.own_images import same_images
from drl.pipeline.own_study import PARTS
from drl.pipeline.step import Axes, Inputs, Step
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE, PRETRAIN
from drl.records.inputs import must_exist
from drl.records.linked import first_link
from drl.records.own_files import MOST_LEVELS, Writes, own_files

AXES: Mapping[str, dict[str, Any]] = {
    "dataset": {"required": True, "help": "Name in the configuration's `datasets`, or a folder."},
    "recipe": {"required": True, "help": "Name in the configuration's `recipes`."},
    "arm": {"required": True, "help": "Name in the configuration's `arms`."},
    "labels": {"required": True, "type": click.IntRange(1, 10**9), "help": "Images that keep their labels."},
    "split": {"type": SEED, "help": "Which images keep their labels. Default: the split configured for the seed."},
    "seed": {"type": SEED, "default": 0, "show_default": True, "help": "Seed of the job."},
}
OF_MODELS = ("model", "models", "start", "extractor")  # inputs of steps that are model files


def run_step(
    call: Invocation,
    step: Step,
    axes: Axes,
    given: Mapping[str, tuple[Path, ...]],
    out: Path | None = None,
    states: Path | None = None,
    as_json: bool = False,
) -> None:
    """Run one job of a step.

    Args:
        call: The options that commands share.
        step: The step.
        axes: The values that identify the job.
        given: Inputs named on the command line; the others are read from where the jobs that make them write them.
        out: The first output; None: its usual path below results/<scale>.
        states: Folder of the states of unfinished jobs; None: results/<scale>/.state.
        as_json: Print the rows of the CSV that it wrote, in place of its message.
    """
    settings, digest = call.planned(step, axes)
    if step is PRETRAIN:
        check_installed(call.run)
    inputs = {**_usual_inputs(call, step, axes, settings, given), **given}
    usual = call.results / step.at(**axes).output
    job = Job(
        study=step.name,
        about={"scale": call.scale_name, **axes},
        settings=settings,
        code_digest=digest,
        inputs=inputs,
        out=out or usual,
        states=states or call.results / ".state",
        resources=call.resources(str(axes["dataset"]) if step is PREPARE else None),
    )
    # By default they lie below ./results, which may be a bad place too.
    for file in step.files(job.out):
        check_file_place(file)
    check_file_place(job.out.with_name(f"{job.out.name}.json"))
    check_folder_place(job.states)
    at_home = realpath(job.out) == realpath(usual)
    writes = Writes(
        command=step.name,
        about={"scale": call.scale_name, **axes},
        files=_files(step, job.out),
        inputs=_read(call, job),
        images=[] if out is None or step is not PREPARE else _images(job),
        levels=range(2, MOST_LEVELS),
        usual=at_home,
        link=first_link(call.results, usual) if at_home else None,
    )
    images = same_images(job, [*writes.files, writes.card]) if step is PREPARE else nullcontext()
    watched = tensorboard(_events(call, job, at_home)) if step is PRETRAIN and call.run.tensorboard else nullcontext()
    with own_files(writes), call.gpu() if step.gpu else nullcontext(), images, watched:
        said = importlib.import_module(step.module).run(job)
    if as_json:
        echo_json(_rows(job.out))
    elif said is not None:
        click.echo(said)


def _events(call: Invocation, job: Job[Any], at_home: bool) -> Path:
    """Return the folder of a training's scalars for TensorBoard, which `drl verify` does not take for results."""
    if not at_home:
        return job.out.with_name(f"{job.out.name}.tensorboard")
    of = (str(job.about["dataset"]), str(job.about["recipe"]), f"seed{job.about['seed']}")
    return call.results.joinpath("logs", "tensorboard", *of)


def _rows(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file, with None for empty cells."""
    import pandas as pd

    frame = pd.read_csv(io.BytesIO(read_regular(file, MOST_BYTES)))
    found: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return found


def _files(step: Step, out: Path) -> list[Path]:
    """Return all files but the card that a job writes."""
    files = step.files(out)
    if step in (FIGURE, TABLE, *STUDY_PARTS):
        # The first may be any of the item's files.
        files = list(dict.fromkeys([*files, out.with_suffix(Path(step.output).suffix)]))
    return files


def _read(call: Invocation, job: Job[Any]) -> list[Path]:
    """Return all files that a job reads, and folders of such files."""
    resources, lists = job.resources, getattr(job.settings, "label_list", None)
    more = (resources.inception_weights, resources.origin.folder, lists)
    return [
        *(path for files in job.inputs.values() for path in files),
        *call.files,
        *(home_path(path) for path in more if path is not None),
    ]


def _images(job: Job[Any]) -> list[Path]:
    """Return the folders of class folders that `drl prepare` reads."""
    folder = job.resources.origin.folder
    if folder is None or job.settings.dataset.source != "image_folder":
        return []
    root = home_path(folder)
    parts = [root / "train", root / "test"]
    return parts if all(part.is_dir() for part in parts) else [root]


def _usual_inputs(
    call: Invocation, step: Step, axes: Axes, settings: Any, given: Mapping[str, Any]
) -> dict[str, tuple[Path, ...]]:
    """Return the paths of a job's inputs; those of drawings depend on the configuration alone."""
    if step.drawn_from is None:
        found: Inputs = step.inputs(settings, axes)
    else:
        found = {} if given else step.drawn_from(call.config, axes)
    return {
        name: tuple(Path(file.path) if file.job is None else call.results / file.path for file in files)
        for name, files in found.items()
    }


def _command_of(step: Step) -> Command:
    """Return the command of a step that makes data, models or metrics."""

    def command(out: Path | None, states: Path | None = None, **options: Any) -> None:
        axes = {name: options.pop(name) for name in step.axes}
        given = {name: value for name in step.reads if (value := options.pop(name))}
        call = Invocation(**options)
        if "dataset" in axes:
            axes["dataset"] = call.dataset(axes["dataset"])
        if axes.get("split", 0) is None:
            axes["split"] = call.config.splits(axes["seed"])[0]
        run_step(call, step, axes, given, out, states)

    command.__doc__ = step.help
    decorated: Command = configured(placed(planned(command)))
    if step.minutes == "resumable":
        decorated = writes(
            "--states",
            folder=True,
            hidden=True,
            help="Folder of the states of unfinished jobs. Default: results/<scale>/.state.",
        )(decorated)
    decorated = writes("--out", help=f"Default: results/<scale>/{_shown(step.output)}.")(decorated)
    for name in step.reads:
        said = f"The job's {name}. Default: the path to which the step that makes them writes them."
        option = model_file if name in OF_MODELS else path
        decorated = option(f"--{name}", name, multiple=True, help=said)(decorated)
    for name in reversed(step.axes):
        decorated = click.option(f"--{name}", **AXES[name])(decorated)
    return decorated


def _shown(output: str) -> str:
    return output.replace("{", "<").replace("}", ">")


def _draw(step: Step) -> Command:
    def command(item: str, metrics: tuple[Path, ...], out: Path | None, **shared: Any) -> None:
        given = {"metrics": metrics} if metrics else {}
        call, name = Invocation(**shared), item_name(step.name, item)
        if call.settings is None and (drawn_by := item_step(call.config, name)) is not step:
            raise UserError(f"{name} is drawn by another command; type `drl {drawn_by.command} {name}`")
        run_step(call, step, {"item": name}, given, out)

    command.__doc__ = step.help
    decorated: Command = configured(planned(command))
    decorated = writes(
        "--out", help=f"Default: results/<scale>/{_shown(step.output)}; other files are written beside it."
    )(decorated)
    decorated = click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))(decorated)
    return click.argument("item", metavar="N")(decorated)


for _step in (PREPARE, *STUDIES.values()):
    # click itself would end the line at the first full stop, say that of `Eq.`
    cli.command(_step.command, short_help=_step.help)(_command_of(_step))
for _step in (FIGURE, TABLE):
    cli.command(_step.command, short_help=_step.help)(_draw(_step))


@cli.command()
@click.argument("part", type=Named(PARTS))
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, help="A folder of class folders, or a name in `datasets`.")
@writes("--out", help="The SVG or CSV; other files are written beside it. Default: results/<scale>/study/<dataset>/….")
@planned
@configured
def study(part: str, metrics: tuple[Path, ...], dataset: str, out: Path | None, **shared: Any) -> None:
    """Draw a part of the study of one dataset from its metrics files; `snakemake study` runs the whole study."""
    call = Invocation(**shared)
    step = next(step for step in STUDY_PARTS if step.called == f"study {part}")
    run_step(call, step, {"dataset": call.dataset(dataset)}, {"metrics": metrics} if metrics else {}, out)


@cli.command()
@click.argument("tables", nargs=-1, type=click.Path(path_type=Path))
@writes("--out", help="The CSV. Default: results/<scale>/comparison.csv.")
@AS_JSON
@planned
@configured
def compare(tables: tuple[Path, ...], out: Path | None, as_json: bool, **shared: Any) -> None:
    """Compare every number of the paper's tables with ours, read from tables' CSV files (default: all that exist)."""
    must_exist("compare", tables)
    run_step(Invocation(**shared), COMPARE, {}, {"tables": tables} if tables else {}, out, as_json=as_json)


@cli.command()
@click.argument("metrics", nargs=-1, type=click.Path(path_type=Path))
@path(
    "--items",
    help="Read the items' CSV files in this folder, not metrics; they hold only means and decide fewer claims.",
)
@writes("--out", help="The CSV; a page in Markdown is written beside it. Default: results/<scale>/claims.csv.")
@AS_JSON
@planned
@configured
def claims(metrics: tuple[Path, ...], items: Path | None, out: Path | None, as_json: bool, **shared: Any) -> None:
    """Decide the paper's claims from metrics files (default: all that exist)."""
    must_exist("claims", metrics)
    given = {"metrics": metrics} if metrics else {}
    given |= {"items": (items,)} if items is not None else {}
    run_step(Invocation(**shared), CLAIMS, {}, given, out, as_json=as_json)
