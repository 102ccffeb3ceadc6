"""The file of measured rates, so that a second plan needs no calibration, and of counted operations and sizes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drl.data.sources.download import cache_folder
from drl.errors import UserError
from drl.files import fingerprint, write_json
from drl.jobs.device import place

FORMAT = 1  # of the file; another one is begun anew


@dataclass(frozen=True)
class Device:
    """What a rate is of, besides the work; precision and compile as configured, threads of a job."""

    name: str
    kind: str
    torch: str
    threads: int
    precision: str
    compile: str

    @classmethod
    def here(cls, run: Mapping[str, Any], threads: int) -> Device:
        """Return where jobs run, by the configuration's `run`."""
        about = place(run["device"], run["precision"], "off", threads).describe()
        name, kind = str(about["device_name"]), str(about["device"])
        return cls(name, kind, str(torch.__version__), threads, run["precision"], run["compile"])

    @property
    def key(self) -> str:
        """What stands for it in the file."""
        return fingerprint(vars(self))


class Book:
    """Numbers by name; operations and sizes are the same on every device, rates have the device in their name."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file; one that is damaged or of another format counts as empty.

        Args:
            path: The file; None: rates.json where downloads are kept.
        """
        self.path = path or cache_folder() / "rates.json"
        self.entries = self._read()
        self._said = False

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
        except (OSError, UserError) as error:
            # What was measured is true all the same, so the plan goes on.
            if not self._said:
                print(f"drl: rates are not kept ({error}); set DRL_DATA to a folder of yours", file=sys.stderr)
            self._said = True
        return value

    def get_or_put(self, count: Callable[[], float], *names: str) -> float:
        """Return what was noted under names, or count it and note it."""
        known = self.get(*names)
        return self.put(count(), *names) if known is None else known
