"""What the report quotes from run cards: which commit made a result, and whether newer measurements exist."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from drl.errors import UserError
from drl.files import sha256
from drl.records.card import Card, read_card


def card_of(result: Path) -> Card | None:
    """Return a result's run card, or None if it cannot be read, as for results from elsewhere."""
    try:
        return read_card(Path(f"{result}.json"))
    except UserError:
        return None


def commit(card: Card) -> str:
    """Return the commit that made a result, `0123456789ab`, with a remark if the code had uncommitted changes."""
    changed = " with changes" if card.git.dirty else ""
    return f"{(card.git.commit or 'not known')[:12]}{changed}"


def newer(result: Path, files: Iterable[Path]) -> int:
    """Count the input files that were written or rewritten after a result was made.

    Args:
        result: A result file, such as results/lite/claims.csv.
        files: Its input files; missing ones are not counted.
    """
    card = card_of(result)
    known = {os.path.realpath(result.parent / name): digest for name, digest in (card.inputs if card else {}).items()}
    return sum(path.is_file() and known.get(os.path.realpath(path)) != sha256(path) for path in files)
