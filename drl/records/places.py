"""Which job a result is of, by its place: what a run card says of itself must agree with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from drl.config.schema import SCALES, Config
from drl.errors import UserError
from drl.pipeline.drawing import FIGURE, TABLE, item_step
from drl.pipeline.registry import STEPS
from drl.pipeline.step import NUMBERS, PlannedJob, Step


def jobs_at(path: Path, folder: Path | None = None, every_file: bool = False) -> list[PlannedJob]:
    """Return the jobs whose first output has this path; mostly one or none.

    Args:
        path: A file.
        folder: Where results are looked for: results/<scale>, a folder above or below it, or a copy of one of these.
            None: below whatever folder.
        every_file: Find also the jobs of which the file is another output or the card.
    """
    place, jobs = path.absolute().as_posix(), []
    for step in STEPS.values():
        outputs = (*step.outputs, f"{step.output}.json") if every_file else (step.output,)
        match = next((found for output in outputs if (found := _pattern(output).fullmatch(place))), None)
        if match and (folder is None or _holds_results(Path(match[1] or "/"), folder.absolute())):
            jobs.append(step.at(**match.groupdict()))
    return jobs


def exists(job: PlannedJob, config: Config) -> bool:
    """Whether the configuration has such a job: a picture that is called like no figure is in nobody's way."""
    try:
        job.step.settings_for(config, job.about)
        # Figures and tables take the settings of every item, but each item is drawn by one of them.
        return job.step not in (FIGURE, TABLE) or job.step is item_step(config, str(job.about["item"]))
    except (UserError, ValueError, LookupError):
        return False


def has_name(path: Path, step: Step, facts: Callable[[str], Any]) -> bool:
    """Whether a file outside any folder of results is named as a step names its first output.

    Where that name is nothing but an axis, such as an item's, its folder must have the right name too.

    Args:
        path: The file.
        step: The step.
        facts: Returns the value of an axis in the file's card; None where the card does not say it.
    """
    parts = step.output.split("/")
    match = _pattern("/".join(parts[-2 if parts[-1].startswith("{") else -1 :])).fullmatch(path.absolute().as_posix())
    return match is not None and all(
        facts(axis) in (None, int(value) if axis in NUMBERS else value) for axis, value in match.groupdict().items()
    )


def _holds_results(root: Path, folder: Path) -> bool:
    """Whether a folder may be the results/<scale> that is meant if results are looked for in another folder."""
    return root == folder or root in folder.parents or (root.name in SCALES and folder in root.parents)


@cache
def _pattern(output: str) -> re.Pattern[str]:
    """Return what matches a step's output, its axes as groups."""
    pattern, named = r"((?s:.*))/", set[str]()
    for part in re.split(r"(\{\w+\})", output):
        axis = part[1:-1]
        if not part.startswith("{"):
            pattern += re.escape(part)
        elif axis in named:
            pattern += f"(?P={axis})"
        else:
            named.add(axis)
            pattern += f"(?P<{axis}>" + (r"[0-9]{1,18}" if axis in NUMBERS else "[^/]+") + ")"
    return re.compile(pattern)
