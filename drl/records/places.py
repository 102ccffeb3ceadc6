"""Which job a result is of, by its place: what a run card says of itself must agree with it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from drl.config.schema import SCALES
from drl.pipeline.registry import STEPS
from drl.pipeline.step import NUMBERS, PlannedJob


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
