"""Options that commands share, and what is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from drl.config.schema import SCALES, Config
from drl.errors import UserError
from drl.jobs.time_limit import budget
from drl.pipeline.configuration import resolve
from drl.pipeline.own_images import is_folder, with_folder
from drl.records.code_digest import check_code

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

    def dataset(self, name: str) -> str:
        """Return a dataset's name; a folder of class folders becomes one of the configuration's datasets first."""
        if self.settings is None and is_folder(name, self.config.datasets):
            self.config, name = with_folder(self.config, name)
        return name

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
        known = {key: run[key] for key in ("device", "precision", "compile", "save_minutes")}
        more = {"batch": run["sampling_batch"], "inception_weights": run["inception_weights"]}
        minutes = budget(run["wall_clock_minutes"])
        return Where(
            states or self.results / ".state", threads=self.threads, wall_clock_minutes=minutes, **known, **more
        )

    @property
    def resources(self) -> Any:
        """What a training may use."""
        from drl.training.run import Resources

        known = {key: self.run[key] for key in ("device", "precision", "compile", "save_minutes")}
        return Resources(threads=self.threads, wall_clock_minutes=budget(self.run["wall_clock_minutes"]), **known)

    def plan(self, command: str, otherwise: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
        """Return the job's settings and the digest of its code, both compared with what was planned."""
        chosen = read_json("--settings", self.settings, otherwise)
        return chosen, check_code(command, chosen, self.code)


def configured(command: Command) -> Command:
    """Add the options that choose a configuration."""
    for option in (
        click.option("--set", "sets", multiple=True, metavar="a.b=v", help="Change one setting; may be repeated."),
        click.option(
            "--configfile",
            "files",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Your own YAML file, laid over config/ and the scale's file; may be repeated.",
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
    said = "Name in the configuration's `datasets`, or a folder."
    return click.option("--dataset", required=True, help=said)(command)


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
