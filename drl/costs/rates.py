"""What a unit of each kind of work costs on a device, kept in a file, so that a second plan needs no calibration."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from drl.data.sources.download import cache_folder
from drl.errors import UserError
from drl.files import fingerprint, write_json
from drl.pipeline.work import WorkUnit

How = Literal["measured", "scaled", "assumed", "unknown"]
FORMAT = 1  # of the file; another one is begun anew


@dataclass(frozen=True)
class Rate:
    """What one unit of work costs.

    Attributes:
        seconds: Of one unit on the device; nan where nothing is known.
        how: `measured` on this device; `scaled` from what was measured, by operations; `assumed` operations a second;
            `unknown`.
        like: Title of the work that it was scaled from.
    """

    seconds: float
    how: How
    like: str = ""


@dataclass(frozen=True)
class Device:
    """What a rate is of, besides the work.

    Attributes:
        name: Of the GPU or the processor.
        kind: cpu or cuda.
        torch: Its version.
        threads: Of a job.
        precision: As configured.
        compile: As configured.
    """

    name: str
    kind: str
    torch: str
    threads: int
    precision: str
    compile: str

    @property
    def key(self) -> str:
        """What stands for it in the file."""
        return fingerprint(vars(self))


class Book:
    """The file of measured rates, and of operations and sizes, which are the same on every device."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file; one that is damaged or of another format counts as empty.

        Args:
            path: The file; None: rates.json where downloads are kept.
        """
        self.path = path or cache_folder() / "rates.json"
        self.entries = self._read()

    def _read(self) -> dict[str, float]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            if found["format"] != FORMAT:
                return {}
            return {str(name): float(value) for name, value in found["entries"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def get(self, *names: str) -> float | None:
        """Return what was noted under names, or None."""
        return self.entries.get("/".join(names))

    def put(self, value: float, *names: str) -> float:
        """Note a number, and write the file, keeping what others have written since."""
        self.entries = {**self._read(), **self.entries, "/".join(names): value}
        try:
            write_json(self.path, {"format": FORMAT, "entries": self.entries})
        except OSError as error:
            raise UserError(
                f"{self.path}: rates cannot be written ({error.strerror}); set DRL_DATA to a folder of yours"
            ) from error
        return value


def by_operations(unit: WorkUnit, operations: Mapping[str, float], measured: Mapping[WorkUnit, float]) -> Rate:
    """Scale the rate of the measured unit whose operations are nearest, of the same kind where there is one.

    Args:
        unit: What was not measured.
        operations: Of one unit, by the key of each unit.
        measured: Seconds of one unit.

    Returns:
        The rate; unknown where nothing that has operations was measured, or the unit has none.
    """
    own = operations.get(unit.key)
    usable = [known for known in measured if operations.get(known.key)]
    if not own or not usable:
        return Rate(math.nan, "unknown")
    usable = [known for known in usable if known.kind == unit.kind] or usable
    nearest = min(usable, key=lambda known: abs(math.log(operations[known.key] / own)))
    return Rate(measured[nearest] * own / operations[nearest.key], "scaled", nearest.title)


def assumed(unit: WorkUnit, operations: Mapping[str, float], per_second: float) -> Rate:
    """Return the rate of a device that makes so many operations a second, whatever the network."""
    own = operations.get(unit.key)
    return Rate(own / per_second, "assumed") if own else Rate(math.nan, "unknown")


def known_rates(units: Iterable[WorkUnit], book: Book, device: Device) -> dict[WorkUnit, float]:
    """Return what the book has of units on a device, seconds of one unit."""
    found = ((unit, book.get(device.key, unit.kind, unit.key)) for unit in units)
    return {unit: value for unit, value in found if value is not None}
