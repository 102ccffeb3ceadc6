"""`drl verify --remove`: removing results that are not as they were made, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drl.data.regular import shown
from drl.errors import UserError, clean
from drl.files import sha256
from drl.records.card import NotACard, read_card
from drl.records.places import jobs_at
from drl.records.verify import RESULT_SUFFIXES, cards_below


@dataclass(frozen=True)
class Damaged:
    """What is damaged in a folder of results.

    Attributes:
        files: Files to remove, all of them inside the folder.
        left: One line for each thing that is left alone though a card names it or cannot be read.
    """

    files: tuple[Path, ...]
    left: tuple[str, ...]


def damaged(folder: Path) -> Damaged:
    """Find results that are not as they were made. Nothing is removed.

    All files of a run card go, and the card: Snakemake makes them again as soon as something needs them. Found are
    results one of whose files was changed, and those whose card cannot be read: the card, and the file that it is named
    after. The latter only where a job of ours writes such a file, because other people's JSON lies beside files too.
    Left are results that are whole, though made from other inputs, settings or code, because Snakemake makes those
    again by itself; results of which a file is missing and none changed; and all files that no card names.

    A card may be edited or forged. So only regular files with a result's suffix are found, and only those that lie
    inside the folder once links are resolved.

    Args:
        folder: results/<scale>, or any folder of results.

    Raises:
        UserError: If the folder holds no run card at all.
    """
    root = folder.resolve()
    files: dict[Path, None] = {}
    left: list[str] = []
    for path in cards_below(folder):
        for file, reason in _of_card(path, root):
            if reason is None:
                files[file] = None
            else:
                left.append(f"{shown(file)}: {reason}; left alone")
    return Damaged(tuple(files), tuple(left))


def remove(found: Damaged, folder: Path) -> Iterator[Path]:
    """Remove what `damaged` found, and yield each file that is gone.

    Args:
        found: What was found.
        folder: The same folder.
    """
    root = folder.resolve()
    for file in found.files:
        # It may have been replaced by a link meanwhile.
        if _why_not(file, root) is None:
            file.unlink()
            yield file


def _of_card(path: Path, root: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the files that go because of a card, the card last, and with a reason those that do not though it may seem.

    Nothing is yielded if the card's files are as they were made.
    """
    try:
        outputs = read_card(path).outputs
    except UserError as error:
        if jobs_at(path.with_suffix("")):
            yield from ((file, _why_not(file, root)) for file in (path.with_suffix(""), path) if os.path.lexists(file))
        elif not isinstance(error, NotACard):
            yield path, f"cannot be read as a run card ({clean(error, 300)})"
        return
    ours, changed = [], False
    for name, digest in outputs.items():
        file = path.parent / name
        reason = _why_not(file, root)
        try:
            differs = reason is None and sha256(file) != digest
        except OSError as error:
            reason, differs = f"cannot be read ({error.strerror})", False
        changed = changed or differs
        if reason is None:
            ours.append(file)
        elif os.path.lexists(file):
            yield file, f"{shown(path.name)} names it, but it {reason}"
    if changed:
        yield from ((file, None) for file in ours)
        yield path, _why_not(path, root)


def _why_not(file: Path, root: Path) -> str | None:
    """Say why a file is not to be removed; None if it may be."""
    try:
        if not file.is_file():
            return "is no file"
        if not file.resolve(strict=True).is_relative_to(root):
            return "lies outside the folder"
    except (OSError, RuntimeError, ValueError):
        return "cannot be read"
    return None if file.suffix in RESULT_SUFFIXES else "is no result"
