"""Pages as text: their code, their links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts and not path.name.startswith("table_"))
# A fence, and the file that the line before it names.
FENCE = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^ *```(\w*)\n(.*?)^ *```$", flags=re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes:
        language: After the fence.
        text: The code.
        file: The file that it is, if the line before it names one.
    """

    language: str
    text: str
    file: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of code of a page, in order."""
    return [Block(language, text, file or None) for file, language, text in FENCE.findall(page.read_text())]
