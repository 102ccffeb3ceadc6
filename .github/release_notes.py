"""Print the changelog's section of a version: `python .github/release_notes.py 0.2.0`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).resolve().parents[1] / "CHANGELOG.md"


def notes(text: str, version: str) -> str:
    """Return what the changelog says about a version.

    Raises:
        SystemExit: If it has no section for it, or an empty one.
    """
    section = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", text, flags=re.M | re.S)
    if section is None or not section[1].strip():
        sys.exit(f"CHANGELOG.md has nothing about {version}; add a section ## [{version}] - YEAR-MONTH-DAY")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    print(notes(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1]), end="")
