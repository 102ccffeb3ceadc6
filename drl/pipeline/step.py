"""A step of the pipeline: one rule, one `drl` command, one public function, with the same name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from drl.config.base import Settings
from drl.config.schema import Config
from drl.pipeline.disk import Bytes, SizeOf, few_rows
from drl.pipeline.units import Amount

Axes = Mapping[str, str | int]
NUMBERS = ("seed", "labels", "split")  # axes whose values are whole numbers


class ResultFile(NamedTuple):
    """A file that a job reads: below results/<scale> if a job makes it, else wherever its path says."""

    path: str
    job: PlannedJob | None


Inputs = Mapping[str, Sequence[ResultFile]]


def _no_inputs(settings: Any, axes: Axes) -> Inputs:
    return {}


def _no_work(config: Config, settings: Any, axes: Axes) -> Iterable[Amount]:
    return ()


def _no_modules(settings: Any) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One step.

    Attributes:
        name: Name of the rule and of the command, which has hyphens in place of underscores.
        help: What it does, in one sentence.
        module: Its module, whose function `run` takes a drl.jobs.job.Job.
        axes: What tells its jobs apart.
        job: The model of its settings.
        settings: Makes them from the configuration and those axes that it names as parameters.
        output: The first output below results/<scale>, with axes in braces.
        beside: Further outputs: a suffix in place of the first output's, or a file name in its folder.
        inputs: Takes settings and axes, gives the files that a job reads, by name.
        reads: The names of those inputs that a user may give by hand.
        drawn_from: In place of `inputs`, for drawings: takes the configuration and axes.
        modules: Takes settings, gives the modules that the job imports by name.
        parse: Makes settings from plain values, where that is more than `job.model_validate`.
        minutes: How long a job may take (workflow/rules/common.smk): resumable ones save and go on.
        gpu: Whether it computes on a GPU where there is one.
        called: The command, where it is not the name.
        work: Takes the configuration, settings and axes, gives what a job does besides starting (drl.pipeline.work).
        disk: Likewise, and with the sizes of networks: the bytes that a job leaves (drl.pipeline.disk).
    """

    name: str
    help: str
    module: str
    axes: tuple[str, ...]
    job: type[Settings]
    settings: Callable[..., Settings]
    output: str
    beside: tuple[str, ...] = ()
    inputs: Callable[[Any, Axes], Inputs] = _no_inputs
    reads: tuple[str, ...] = ()
    drawn_from: Callable[[Config, Axes], Inputs] | None = None
    modules: Callable[[Any], tuple[str, ...]] = _no_modules
    parse: Callable[[Mapping[str, Any]], Settings] | None = None
    minutes: Literal["draw", "prepare", "measure", "resumable"] = "measure"
    gpu: bool = True
    called: str = ""
    work: Callable[[Config, Any, Axes], Iterable[Amount]] = _no_work
    disk: Callable[[Config, Any, Axes, SizeOf], Bytes] = few_rows

    @property
    def command(self) -> str:
        """What follows `drl`."""
        return self.called or self.name.replace("_", "-")

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs but the run card, the first one first, with axes in braces."""
        return (self.output, *(_beside(self.output, name) for name in self.beside))

    @property
    def log_name(self) -> str:
        """The name of its log and benchmark file below results/<scale>/, without a suffix and with axes in braces."""
        named = (f"{axis if axis in NUMBERS else ''}{{{axis}}}" for axis in self.axes)
        return "/".join([self.name, *named])

    @property
    def settings_axes(self) -> tuple[str, ...]:
        """The axes on which settings depend: the parameters of `settings` besides the configuration."""
        return tuple(inspect.signature(self.settings).parameters)[1:]

    def parsed(self, values: Mapping[str, Any]) -> Settings:
        """Return settings from the plain values that a rule handed over."""
        return self.job.model_validate(values) if self.parse is None else self.parse(values)

    def code(self, settings: Settings) -> tuple[str, ...]:
        """Return the modules that a job begins from; its code digest covers all that they import."""
        return (self.module, *self.modules(settings))

    def settings_for(self, config: Config, axes: Axes) -> Settings:
        """Return the settings of the job at these axes."""
        return self.settings(config, **{name: axes[name] for name in self.settings_axes})

    def at(self, **axes: str | int) -> PlannedJob:
        """Return the job at these axes; more axes than the step has are left out."""
        return PlannedJob(self, tuple((name, _typed(name, axes[name])) for name in self.axes))


@dataclass(frozen=True)
class PlannedJob:
    """One job of a step, by its axes."""

    step: Step
    axes: tuple[tuple[str, str | int], ...]

    @property
    def about(self) -> dict[str, str | int]:
        """The axes as a mapping."""
        return dict(self.axes)

    @property
    def output(self) -> str:
        """The first output, below results/<scale>."""
        return self.step.output.format(**self.about)

    def file(self, name: str = "") -> ResultFile:
        """Return the first output, or the one beside it with this suffix or file name."""
        return ResultFile(_beside(self.output, name) if name else self.output, self)

    def needs(self, config: Config) -> Inputs:
        """Return the files that the job reads, by name."""
        if self.step.drawn_from is not None:
            return self.step.drawn_from(config, self.about)
        return self.step.inputs(self.step.settings_for(config, self.about), self.about)

    def jobs_before(self, config: Config) -> Iterator[PlannedJob]:
        """Yield each job whose outputs this one reads, once."""
        files = [file for several in self.needs(config).values() for file in several]
        yield from dict.fromkeys(file.job for file in files if file.job is not None)


def _beside(output: str, name: str) -> str:
    path = Path(output)
    return (path.with_suffix(name) if name.startswith(".") else path.with_name(name)).as_posix()


def _typed(axis: str, value: str | int) -> str | int:
    return int(value) if axis in NUMBERS else value
