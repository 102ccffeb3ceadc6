"""A step of the pipeline: one rule, one `drl` command, one public function, with the same name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from drl.config.base import Settings
from drl.config.schema import Config
from drl.pipeline import disk, work
from drl.pipeline.disk import Bytes, SizeOf
from drl.pipeline.units import Amount

Axes = Mapping[str, str | int]
NUMBERS = ("seed", "labels", "split")  # axes with integer values


class ResultFile(NamedTuple):
    """A file that a job reads: below results/<scale> if a job makes it, else at its path."""

    path: str
    job: PlannedJob | None


Inputs = Mapping[str, Sequence[ResultFile]]


def _no_work(config: Config, settings: Any, axes: Axes) -> Iterable[Amount]:
    return ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One step. Fields that its declaration leaves out follow from its name, as described below.

    Attributes:
        name: Name of the rule and of the command, which has hyphens in place of underscores.
        help: A sentence that says what the step does.
        axes: The names of the values that identify a job.
        settings: Makes its settings from the configuration and the axes that it has as parameters.
        job: The model of its settings, which is the annotated result of `settings`.
        module: Its module; the function `run` in it takes a drl.jobs.job.Job. Default: drl.evaluation.<name>.
        output: The first output below results/<scale>, with axes in braces. Default: the CSV file in metrics/ whose
            path is that of the log, such as metrics/probe/{dataset}/{recipe}/seed{seed}.csv.
        beside: Further outputs: a suffix that replaces the first output's, or a file name in its folder.
        inputs: Takes settings and axes, returns the files that a job reads, by name.
        reads: The names of the inputs that a user may give on the command line.
        drawn_from: Used instead of `inputs` by drawings: takes the configuration and axes.
        modules: Takes settings, returns the modules that the job imports by name.
        parse: Makes settings from plain values, if `job.model_validate` is not enough.
        minutes: How long a job may take (workflow/rules/common.smk); resumable jobs save their state and are continued.
        gpu: Whether it computes on a GPU if there is one.
        called: The command, if it is not the name.
        work: Takes the configuration, settings and axes, returns the work of a job besides starting. Default: the
            function drl.pipeline.work.<name>; if there is none, no work.
        disk: Takes the same and the sizes of networks, returns the bytes that a job leaves. Default: the function
            drl.pipeline.disk.<name>; if there is none, the bytes of a few dozen rows.
    """

    name: str
    help: str
    axes: tuple[str, ...]
    settings: Callable[..., Settings]
    job: type[Settings] = field(init=False)
    module: str = ""
    output: str = ""
    beside: tuple[str, ...] = ()
    inputs: Callable[[Any, Axes], Inputs] = lambda settings, axes: {}
    reads: tuple[str, ...] = ()
    drawn_from: Callable[[Config, Axes], Inputs] | None = None
    modules: Callable[[Any], tuple[str, ...]] = lambda settings: ()
    parse: Callable[[Mapping[str, Any]], Settings] | None = None
    minutes: Literal["draw", "prepare", "measure", "resumable"] = "measure"
    gpu: bool = True
    called: str = ""
    work: Callable[[Config, Any, Axes], Iterable[Amount]] = _no_work
    disk: Callable[[Config, Any, Axes, SizeOf], Bytes] = disk.few_rows

    def __post_init__(self) -> None:
        """Fill in the fields that follow from the name."""
        self._set("job", inspect.signature(self.settings, eval_str=True).return_annotation)
        self._set("module", self.module or f"drl.evaluation.{self.name}")
        self._set("output", self.output or f"metrics/{self.log_name}.csv")
        if self.work is _no_work:
            self._set("work", getattr(work, self.name, _no_work))
        if self.disk is disk.few_rows:
            self._set("disk", getattr(disk, self.name, disk.few_rows))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def command(self) -> str:
        """The subcommand of `drl`."""
        return self.called or self.name.replace("_", "-")

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs except the run card, the first output first, with axes in braces."""
        return (self.output, *(_beside(self.output, name) for name in self.beside))

    def files(self, out: Path) -> list[Path]:
        """Return all files but the run card that the job writes if `out` is its first output."""
        return [out, *(Path(_beside(str(out), name)) for name in self.beside)]

    @property
    def log_name(self) -> str:
        """The name of its log and benchmark file below results/<scale>/, without a suffix and with axes in braces."""
        named = (f"{axis if axis in NUMBERS else ''}{{{axis}}}" for axis in self.axes)
        return "/".join([self.name, *named])

    @property
    def settings_axes(self) -> tuple[str, ...]:
        """The axes that settings depend on: the parameters of `settings` other than the configuration."""
        return tuple(inspect.signature(self.settings).parameters)[1:]

    def parsed(self, values: Mapping[str, Any]) -> Settings:
        """Return settings from the plain values that a rule passed."""
        return self.job.model_validate(values) if self.parse is None else self.parse(values)

    def code(self, settings: Settings) -> tuple[str, ...]:
        """Return the modules that a job starts from; its code digest covers all that they import."""
        return (self.module, *self.modules(settings))

    def settings_for(self, config: Config, axes: Axes) -> Settings:
        """Return the settings of the job at these axes."""
        return self.settings(config, **{name: axes[name] for name in self.settings_axes})

    def at(self, **axes: str | int) -> PlannedJob:
        """Return the job at these axes; axes that the step does not have are ignored."""
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
        """Yield each job whose outputs this job reads, once."""
        files = [file for several in self.needs(config).values() for file in several]
        yield from dict.fromkeys(file.job for file in files if file.job is not None)


def _beside(output: str, name: str) -> str:
    path = Path(output)
    return (path.with_suffix(name) if name.startswith(".") else path.with_name(name)).as_posix()


def _typed(axis: str, value: str | int) -> str | int:
    return int(value) if axis in NUMBERS else value
