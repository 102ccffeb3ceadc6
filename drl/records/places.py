"""Which job a result is of, by its place: what a run card says of itself must agree with it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from drl.pipeline.registry import STEPS
from drl.pipeline.step import NUMBERS, PlannedJob


def jobs_at(path: Path) -> list[PlannedJob]:
    """Return the jobs whose first output has this path, below whatever folder of results; mostly one or none."""
    place, found = path.absolute().as_posix(), []
    for step in STEPS.values():
        if match := _pattern(step.output).fullmatch(place):
            found.append(step.at(**match.groupdict()))
    return found


@cache
def _pattern(output: str) -> re.Pattern[str]:
    """Return what matches a step's output, its axes as groups."""
    pattern, named = r"(?s:.*)/", set[str]()
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
