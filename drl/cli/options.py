"""Options that commands share, and how they are read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from drl.config.base import Settings
from drl.config.schema import SCALES, Config, RunSettings
from drl.data import json_text
from drl.errors import UserError, clean, complaint, nearest, shown
from drl.files import json_for_programs
from drl.jobs.gpu_slots import gpu_slot
from drl.jobs.job import Origin, Resources
from drl.jobs.time_limit import budget
from drl.out_places import check_file_place, check_folder_place, home_path
from drl.pipeline.configuration import origins, resolve
from drl.pipeline.own_images import is_folder, note_shadowed, with_folder
from drl.pipeline.step import Axes, Step
from drl.records.code_digest import check_code
from drl.records.model_folder import model_in
from drl.records.run_card import commit_of_code

P = TypeVar("P")
REMEDY = "leave it out to read the configuration"
Command = Callable[..., None]

# Whole numbers of options. No machine has more threads, and generators take no larger seed.
THREADS = click.IntRange(1, 1024)
SEED = click.IntRange(0, 2**63 - 1)


class Finite(click.FloatRange):
    """A number in a range; click itself takes `nan` for one in any, and `inf` for one that is large enough."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read an option's text."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Named(click.Choice[str]):
    """One of a few names; a mistyped one is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read an option's text."""
        if value not in self.choices:
            named = "" if param is None else f"{param.opts[0] if param.opts[0].startswith('-') else param.name}: "
            raise UserError(f"{named}unknown name {shown(value)}; {nearest(value, self.choices)}")
        return str(value)


@dataclass
class Invocation:
    """The options that commands share. The configuration is read when first needed; with --settings, never."""

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

    def dataset(self, name: str) -> str:
        """Return a dataset's name; a folder of class folders is first added to the configuration's datasets."""
        if self.settings is None:
            note_shadowed(name, self.config.datasets)
            if is_folder(name, self.config.datasets):
                self.config, name = with_folder(self.config, name)
        return name

    @property
    def scale_name(self) -> str:
        """The given scale, or else the configuration's."""
        return self.scale or self.config.scale

    @property
    def results(self) -> Path:
        """results/<scale>."""
        return Path("results") / self.scale_name

    @cached_property
    def run(self) -> RunSettings:
        """Where and how to run."""
        if self.run_json is None:
            return self.config.run
        return parsed("--run", RunSettings.model_validate, read_json("--run", self.run_json))

    def resources(self, dataset: str | None = None) -> Resources:
        """Return what a job may use, and where its dataset's original files are (a rule's $DRL_ORIGINS)."""
        run = self.run
        return Resources(
            device=run.device,
            precision=run.precision,
            compile=run.compile,
            graphs=run.graphs,
            deterministic=run.deterministic,
            threads=self.threads,
            save_minutes=run.save_minutes,
            wall_clock_minutes=budget(run.wall_clock_minutes),
            sampling_batch=run.sampling_batch,
            inception_weights=run.inception_weights,
            image_pixels=run.image_pixels,
            origin=Origin() if dataset is None else self._origin(dataset),
        )

    def _origin(self, dataset: str) -> Origin:
        given = os.environ.get("DRL_ORIGINS")
        if given is None and self.settings is not None:
            return Origin()
        known = origins(self.config) if given is None else read_json("$DRL_ORIGINS", given)
        return Origin(**known.get(dataset, {}))

    def gpu(self) -> AbstractContextManager[str | None]:
        """Hold a slot of a GPU, if there is a GPU."""
        return gpu_slot(self.run.device, self.run.gpu_slots)

    def planned(self, step: Step, axes: Axes) -> tuple[Settings, str]:
        """Return a job's settings and the digest of its code, after comparing both with what was planned."""
        if self.settings is None:
            settings = step.settings_for(self.config, axes)
        else:
            settings = parsed("--settings", step.parsed, read_json("--settings", self.settings))
        digest = check_code(step.command, step.code(settings), self.code)
        commit_of_code()  # for the card: at the end of a long job, files may be of another commit
        return settings, digest


def echo_json(value: Any) -> None:
    """Print a value for programs."""
    click.echo(json_for_programs(value))


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def configured(command: Command) -> Command:
    """Add the options that choose a configuration."""
    for option in (
        click.option("--set", "sets", multiple=True, metavar="a.b=v", help="Change one setting; may be repeated."),
        click.option(
            "--configfile",
            "files",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Your own YAML file, which overrides config/ and the scale's file; may be repeated.",
        ),
        click.option("--scale", type=Named(SCALES), help="How much compute to use. Default: the scale in config.yaml."),
    ):
        command = option(command)
    return command


def planned(command: Command) -> Command:
    """Add the options with which Snakemake gives a job its planned settings and code digest; `--help` hides them."""
    command = click.option(
        "--code", hidden=True, help="Digest of the code that the job was planned with; the job stops if it differs."
    )(command)
    return click.option(
        "--settings", hidden=True, help="The job's settings as JSON, instead of reading the configuration."
    )(command)


def placed(command: Command) -> Command:
    """Add the options that decide where to compute."""
    command = click.option(
        "--run",
        "run_json",
        envvar="DRL_RUN",
        hidden=True,
        help="The configuration's `run` section as JSON. Also: $DRL_RUN.",
    )(command)
    return click.option("--threads", type=THREADS, help="CPU threads. Default: torch's choice.")(command)


def path(*names: str, **more: Any) -> Callable[[Command], Command]:
    """Return an option that takes a path."""
    return click.option(*names, type=click.Path(path_type=Path), **more)


class ModelFile(click.Path):
    """A model's file, or a folder that holds one."""

    def __init__(self, complete: bool) -> None:
        """Take complete models alone, or also encoders."""
        super().__init__(path_type=Path)
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the file."""
        given = super().convert(value, param, ctx)
        assert isinstance(given, Path)
        return model_in(given, complete=self._complete)


def model_file(*names: str, complete: bool = True, **more: Any) -> Callable[[Command], Command]:
    """Return an option that takes a model: its file, or the folder that `drl export` wrote."""
    return click.option(*names, type=ModelFile(complete), **more)


class Place(click.Path):
    """A path that a command writes to: a bad one is refused before the command begins."""

    def __init__(self, folder: bool = False) -> None:
        """Take files, or a folder to make or to add files to."""
        super().__init__(path_type=Path)
        self._check = check_folder_place if folder else check_file_place

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, with `~` replaced."""
        super().convert(value, param, ctx)
        place = home_path(value)  # not what click made of it: Path drops the ./ of ./~
        self._check(place)
        return place


def writes(name: str, *, folder: bool = False, **more: Any) -> Callable[[Command], Command]:
    """Return an option that takes a path to write to."""
    return click.option(name, type=Place(folder), **more)


def read_json(option: str, given: str) -> dict[str, Any]:
    """Read an option's JSON object.

    Raises:
        UserError: If it is not a JSON object.
    """
    try:
        given.encode()  # half a letter of UTF-16 is no text
        value = json_text.load(given)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise UserError(f"{option}: is not JSON ({clean(error, 160)}); {REMEDY}") from error
    if not isinstance(value, dict) or not value:
        raise UserError(f"{option}: must be a JSON object; {REMEDY}")
    return value


def parsed(option: str, parse: Callable[[Mapping[str, Any]], P], values: Mapping[str, Any]) -> P:
    """Parse an option's values into settings.

    Raises:
        UserError: If a value is missing or wrong; it names the first such value, in one line.
    """
    try:
        return parse(values)
    except ValidationError as error:
        raise UserError(f"{option}: {complaint(error)}; {REMEDY}") from error
