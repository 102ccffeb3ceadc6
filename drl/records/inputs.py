"""Checking a job's input files against the run cards of the jobs that made them, before the job computes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from drl.data.regular import check_not_special
from drl.errors import UserError
from drl.files import sha256
from drl.records.card import Card, NotACard, read_card

# Folders of results/<scale>.
RESULTS = ("data", "models", "metrics", "figures", "tables", "study")


def check_inputs(paths: Iterable[Path]) -> dict[Path, str]:
    """Hash a job's input files, and compare each with the run card that names it, if one lies beside it.

    safetensors and CSV files have no checksums, so a flipped bit or a manual edit would go unnoticed. Files that no
    card names, such as models from elsewhere, are accepted; missing files are left to the code that reads them.

    Returns:
        SHA-256 of each file that exists, for the job's own card.

    Raises:
        UserError: If a file was changed after it was made, a run card cannot be read, or an input is no file: a FIFO
            would wait forever, a device has no end.
    """
    folders: dict[Path, dict[str, tuple[Card, Path]]] = {}
    digests: dict[Path, str] = {}
    for path in paths:
        check_not_special(path)
        if not path.is_file():
            continue
        if path.parent not in folders:
            folders[path.parent] = named_by_cards(path.parent)
        if path.name not in folders[path.parent]:
            digests[path] = sha256(path)
            continue
        said, card = folders[path.parent][path.name]
        if not said.is_whole(path.name, path):
            raise UserError(f"{path}: is not as it was made, {card.name} says; {remedy(path)}")
        digests[path] = said.outputs[path.name]
    return digests


def remedy(path: Path) -> str:
    """Return a text that says how to remove a damaged result."""
    below = [parent.parent for parent in path.parents if parent.name in RESULTS]
    again = "and run the same command again"
    if not below:
        return f"remove it {again}"
    return f"run `drl verify {shlex.quote(str(below[0]))} --remove`, or remove it, {again}"


def named_by_cards(folder: Path) -> dict[str, tuple[Card, Path]]:
    """Return the run card that names a file, and the card's path, for each file in a folder, by file name.

    A card that lies beside one of its outputs counts before one that does not, such as the training's in an export.
    """
    found: dict[str, tuple[Card, Path]] = {}
    strays: dict[str, tuple[Card, Path]] = {}
    for path in sorted(folder.glob("*.json")):
        # Ignore JSON files that are not cards; a card is named after a result.
        beside = path.with_suffix("")
        try:
            card = read_card(path)
        except NotACard:
            continue
        except UserError as error:
            if beside.is_file():
                raise UserError(f"{path}: the run card of {beside.name} is damaged; {remedy(path)}") from error
            continue
        at_its_place = beside.name in card.outputs
        (found if at_its_place else strays).update(dict.fromkeys(card.outputs, (card, path)))
    return strays | found


def must_exist(command: str, files: Iterable[Path]) -> None:
    """Check files that were named on the command line.

    Raises:
        UserError: If one is missing.
    """
    for file in files:
        if not file.is_file():
            raise UserError(
                f"{command}: {file} does not exist; leave it out, or give no files to use all that were made"
            )
