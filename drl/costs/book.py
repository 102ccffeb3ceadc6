"""The file of measured rates and of counted operations and sizes; with it, a second plan needs no calibration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from drl.data.json_text import read_note, write_note
from drl.data.sources.download import cache_folder
from drl.errors import UserError
from drl.files import fingerprint
from drl.jobs.device import place

# Of the file; a file of another format is discarded. Format 1 had rates of fine-tuning that were 80 times too low.
FORMAT, KEYS = 2, {"format", "entries"}
MOST_BYTES = 2**26


@dataclass(frozen=True)
class Device:
    """What a rate depends on besides the work; precision and compile are as configured, threads are those of a job."""

    name: str
    kind: str
    torch: str
    threads: int
    precision: str
    compile: str

    @classmethod
    def here(cls, run: Mapping[str, Any], threads: int) -> Device:
        """Return the device of jobs, from the configuration's `run`."""
        about = place(run["device"], run["precision"], "off", threads).describe()
        name, kind = str(about["device_name"]), str(about["device"])
        return cls(name, kind, str(torch.__version__), threads, run["precision"], run["compile"])

    @property
    def key(self) -> str:
        """The device's key in the file."""
        return fingerprint(vars(self))


class Book:
    """Numbers by name. Operations and sizes are the same on every device; names of rates include the device."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file; a file that is damaged, of another format or somebody else's counts as empty.

        Args:
            path: The file; None: rates.json in the folder of downloads.
        """
        self.path = path or cache_folder() / "rates.json"
        self.entries = self._read()
        self._said = False

    def _read(self) -> dict[str, float]:
        try:
            found = read_note(self.path, KEYS, MOST_BYTES)
            if found is None or found["format"] != FORMAT:
                return {}
            return {str(name): float(value) for name, value in found["entries"].items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    def get(self, *names: str) -> float | None:
        """Return the number stored under these names, or None."""
        return self.entries.get("/".join(names))

    def put(self, value: float, *names: str) -> float:
        """Store a number and write the file, keeping numbers that other processes have written since."""
        self.entries = {**self._read(), **self.entries, "/".join(names): value}
        try:
            write_note(self.path, {"format": FORMAT, "entries": self.entries}, MOST_BYTES)
        except (OSError, UserError) as error:
            # The plan continues, because the measured rate is right even if it cannot be kept.
            if not self._said:
                print(f"drl: rates are not kept ({error}); set DRL_DATA to a folder that you own", file=sys.stderr)
            self._said = True
        return value

    def get_or_put(self, count: Callable[[], float], *names: str) -> float:
        """Return the number stored under these names; if there is none, count and store it."""
        known = self.get(*names)
        return self.put(count(), *names) if known is None else known
