"""Run cards for tests: as plain values, and whole ones that say nothing special."""

import json
from pathlib import Path
from typing import Any

WHOLE: dict[str, Any] = {
    "command": "probe",
    "settings": {},
    "code_digest": "code",
    "git": {"commit": None, "dirty": None},
    "versions": {"python": "3.11.1"},
    "inputs": {},
    "outputs": {"x.csv": "0" * 64},
}


def read_card(path: Path) -> dict[str, Any]:
    """Return all that a card says."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found
