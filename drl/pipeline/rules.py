"""The inputs, outputs, parameters and resources of each rule in workflow/rules/. It does not import Snakemake."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from drl.config.schema import Config
from drl.data.regular import shown
from drl.errors import UserError
from drl.files import canonical_json
from drl.markup import category, json_in_script, label
from drl.pipeline.drawing import item_step
from drl.pipeline.items import known_item, section_of
from drl.pipeline.own_study import study_dataset
from drl.pipeline.registry import STEPS
from drl.pipeline.step import PlannedJob, ResultFile, Step
from drl.records.code_digest import code_digest

# Requests to a scheduler, by scale: megabytes and minutes of the first attempt. Measured peaks: 0.4 GB at demo, 0.5 GB
# at lite and 2.4 GB at paper scale (a few more for a job that uses a GPU). MiniImageNet's images take 1.3 GB, and
# preparing them also needs memory for their files.
MEMORY = {
    "draw": {"demo": 1000, "lite": 1000, "paper": 1000},
    "prepare": {"demo": 2000, "lite": 2000, "paper": 8000},
    "measure": {"demo": 2000, "lite": 3000, "paper": 12000},
}
# Resumable jobs need not finish in one run; most clusters allow a day.
MINUTES = {
    "draw": {"demo": 10, "lite": 10, "paper": 30},
    "prepare": {"demo": 10, "lite": 30, "paper": 240},
    "measure": {"demo": 10, "lite": 60, "paper": 240},
    "resumable": {"demo": 20, "lite": 240, "paper": 1440},
}
PAPER_THREADS = 4


def threads(step: Step, scale: str) -> int:
    """Return the CPU threads of a job. Small networks gain from two jobs side by side, but not from a second thread."""
    return PAPER_THREADS if step.gpu and scale == "paper" else 1


class Rules:
    """The rules of one configuration."""

    def __init__(self, config: Config, most_minutes: float) -> None:
        """Store the configuration, and the most minutes that a cluster allows ($DRL_MAX_MINUTES)."""
        self.config, self.most_minutes = config, most_minutes
        self._planned = cache(self._plan)

    def results(self, path: str) -> str:
        """Return a path below results/<scale>/."""
        return f"results/{self.config.scale}/{path}"

    def paths(self, files: Iterable[ResultFile]) -> list[str]:
        """Return the paths of files that jobs read or write.

        Missing files that no job makes are left out, so that the rest can be made without them; the job that needs one
        says what to do.

        Raises:
            UserError: If a path has signs that Snakemake takes for wildcards or variables.
        """
        known = [file for file in files if file.job is not None or Path(file.path).is_file()]
        for file in known:
            if set("<>{}") & set(file.path):
                raise UserError(f"{shown(file.path)}: Snakemake cannot read paths with <, >, {{ or }}; rename it")
        return [file.path if file.job is None else self.results(file.path) for file in known]

    def name(self, step: Step) -> str:
        """Return a rule's name. If an item has the study's name, the item keeps it and the rule gets another."""
        return f"measure_{step.name}" if step.name in self.config.items else step.name

    def outputs(self, step: Step) -> list[str]:
        """Return all outputs of a step with their wildcards, the first output first and the run card last."""
        return [self.results(path) for path in (*step.outputs, f"{step.output}.json")]

    def inputs(self, step: Step, *names: str, **axes: str) -> Callable[[Any], list[str]]:
        """Return a function of wildcards that gives the files that a job reads: all, or those with these names."""

        def found(wildcards: Any) -> list[str]:
            needs = self.job(step, {**dict(wildcards.items()), **axes}).needs(self.config)
            return self.paths(file for name in names or needs for file in needs.get(name, ()))

        return found

    def job(self, step: Step, axes: dict[str, str]) -> PlannedJob:
        """Return the job for these wildcards."""
        return step.at(**{name: axes[name] for name in step.axes})

    def settings(self, step: Step, **axes: str) -> Callable[[Any], str]:
        """Return a function of wildcards that gives a job's settings as canonical JSON."""
        return lambda wildcards: self._planned_at(step, wildcards, axes)[0]

    def code_digest(self, step: Step, **axes: str) -> Callable[[Any], str]:
        """Return a function of wildcards that gives the digest of a job's code."""
        return lambda wildcards: self._planned_at(step, wildcards, axes)[1]

    def words(self, step: Step, **axes: str) -> Callable[[Any], str]:
        """Return a function of wildcards that gives the arguments of `drl`."""

        def found(wildcards: Any) -> str:
            about = self.job(step, {**dict(wildcards.items()), **axes}).about
            options = [str(value) if name == "item" else f"--{name} {value}" for name, value in about.items()]
            return " ".join([step.command, *options, f"--scale {self.config.scale}"])

        return found

    def memory(self, step: Step) -> Callable[..., int]:
        """Return the memory of a job in MB; doubled from the second attempt on, in case the first ran out of it."""
        first = MEMORY.get(step.minutes, MEMORY["measure"])[self.config.scale]
        return lambda wildcards, attempt: first * min(attempt, 2)

    def minutes(self, step: Step) -> Callable[..., float]:
        """Return the minutes of a job: more with each attempt, unless the job resumes."""
        first, grows = MINUTES[step.minutes][self.config.scale], step.minutes != "resumable"
        return lambda wildcards, attempt: min(first * attempt if grows else first, self.most_minutes)

    def item_file(self, item: str) -> str:
        """Return the main file of an item."""
        return self.results(item_step(self.config, item).at(item=item).output)

    def item_label(self, item: str) -> dict[str, str]:
        """Return the item's label in the report; only one, because the report turns a second label into a switch."""
        title = item.replace("_", " ").capitalize()
        return {"item": label(f"{title}: {known_item(self.config, item).shows}")}

    def item_category(self, item: str) -> str:
        """Return the heading under which the report lists an item."""
        return section_of(self.config, item)

    def study_category(self, wildcards: Any) -> str:
        """Return the heading under which the report lists the study of a dataset."""
        return category(f"Study of {self.config.datasets[wildcards.dataset].title}")

    def study_parts(self) -> list[str]:
        """Return the files of a study of the dataset that --config names."""
        dataset = study_dataset(self.config)
        parts = [step for name, step in STEPS.items() if name.startswith("study_")]
        return [self.results(step.at(dataset=dataset).output) for step in parts]

    def _planned_at(self, step: Step, wildcards: Any, axes: dict[str, str]) -> tuple[str, str]:
        about = self.job(step, {**dict(wildcards.items()), **axes}).about
        return self._planned(step, tuple((name, about[name]) for name in step.settings_axes))

    def _plan(self, step: Step, axes: tuple[tuple[str, str | int], ...]) -> tuple[str, str]:
        settings = step.settings_for(self.config, dict(axes))
        # The report shows parameters, and Snakemake writes them into a script as they are.
        return json_in_script(canonical_json(settings.slice())), code_digest(step.code(settings))
