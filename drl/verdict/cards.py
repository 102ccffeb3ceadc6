"""What the report quotes from run cards: which commit made a result, and whether newer measurements exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from drl.errors import UserError
from drl.files import sha256
from drl.records.run_card import read_card


def card_of(result: Path) -> dict[str, Any]:
    """Return a result's run card, or an empty one if it cannot be read, as for results from elsewhere."""
    try:
        return read_card(Path(f"{result}.json"))
    except UserError:
        return {}


def commit(card: Mapping[str, Any]) -> str:
    """Return the commit that made a result, `0123456789ab`, with a remark if the code had uncommitted changes."""
    git = card.get("git") or {}
    changed = " with changes" if git.get("dirty") else ""
    return f"{(git.get('commit') or 'not known')[:12]}{changed}"


def newer(result: Path, files: Iterable[Path]) -> int:
    """Count the input files that were written or rewritten after a result was made.

    Args:
        result: A result file, such as results/lite/claims.csv.
        files: Its input files; missing ones are not counted.
    """
    inputs = card_of(result).get("inputs", {})
    known = {(result.parent / name).resolve(): digest for name, digest in inputs.items()}
    return sum(path.is_file() and known.get(path.resolve()) != sha256(path) for path in files)
