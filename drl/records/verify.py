"""`drl verify`: whether results are complete, and made by the current code, settings and inputs.

Snakemake compares only its own records; it does not notice results that were copied in or edited by hand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drl.config.schema import Config
from drl.errors import UserError
from drl.files import canonical_json, files_below, sha256
from drl.pipeline.registry import STEPS
from drl.records.code_digest import code_digest
from drl.records.inputs import RESULTS
from drl.records.run_card import read_card

SUFFIXES = (".safetensors", ".csv", ".svg", ".png", ".md", ".tex")
# Commands of users, with their own settings.
BY_HAND = ("convert", "sample", "encode", "export")


def verify(folder: Path, config: Config) -> list[str]:
    """Check every run card below a folder.

    Args:
        folder: results/<scale>, or any folder of results.
        config: The configuration that they should match.

    Returns:
        One line for each fault; empty if there is none.

    Raises:
        UserError: If the folder holds no run card at all.
    """
    cards = _cards(folder)
    return [*_without_card(folder, cards), *(line for path in cards for line in _faults(path, config))]


def remove_damaged(folder: Path) -> list[Path]:
    """Remove results that were changed after they were made, so that they are made again.

    If a file of a result was changed, all files of its run card and the card are removed; Snakemake makes them again
    when something needs them. If a card cannot be read, the card and the file that it is named after are removed. These
    are kept: complete results made from other inputs, settings or code, because Snakemake itself makes them again;
    results with a missing file but no changed one; and all files that no card names.

    Args:
        folder: results/<scale>, or any folder of results.

    Returns:
        The files that were removed.

    Raises:
        UserError: If the folder holds no run card at all.
    """
    removed: list[Path] = []
    for path in _cards(folder):
        try:
            card = read_card(path)
        except UserError:
            # Keep JSON files that are not cards; a card is named after a result.
            files = [path.with_suffix("")] if path.with_suffix("").suffix in SUFFIXES else []
        else:
            files = [path.parent / name for name in card["outputs"]]
            if not any(file.is_file() and sha256(file) != card["outputs"][file.name] for file in files):
                files = []
        for file in [*files, path] if files else []:
            if file.is_file():
                file.unlink()
                removed.append(file)
    return removed


def _cards(folder: Path) -> list[Path]:
    cards = [path for path in files_below(folder) if path.suffix == ".json"]
    if not cards:
        raise UserError(f"{folder}: holds no run cards; give a folder of results, such as results/demo")
    return cards


def _without_card(folder: Path, cards: list[Path]) -> Iterator[str]:
    """Yield the results that no card names."""
    known: set[Path] = set()
    for path in cards:
        with contextlib.suppress(UserError):
            known |= {path.parent / name for name in read_card(path)["outputs"]}
    for place in RESULTS:
        for path in files_below(folder / place):
            if path.suffix in SUFFIXES and path not in known:
                yield f"{path}: has no run card; make it again"


def _faults(path: Path, config: Config) -> Iterator[str]:
    try:
        card = read_card(path)
    except UserError as error:
        yield str(error)
        return
    for name, digest in card["outputs"].items():
        yield from _file(path.parent / name, digest, "was changed after it was made; make it again")
    for name, digest in card["inputs"].items():
        yield from _file(path.parent / name, digest, f"is not what {path} was made from; make that again")
    if card["command"] in BY_HAND:
        return
    step = STEPS.get(card["command"])
    if step is None:
        yield f"{path}: unknown command {card['command']!r}; made by another version"
        return
    try:
        expected = step.settings_for(config, {name: card[name] for name in step.settings_axes}).slice()
        digest = code_digest(step.code(step.parsed(card["settings"])))
    except KeyError as error:
        yield f"{path}: has no {error.args[0]}; made by another version"
        return
    except (UserError, ValueError) as error:
        yield f"{path}: {str(error).splitlines()[0]}"
        return
    if canonical_json(expected) != canonical_json(card["settings"]):
        yield f"{path}: made with other settings ({_difference(expected, card['settings'])}); make it again"
    if digest != card["code_digest"]:
        yield f"{path}: made by other code ({card['code_digest']}, now {digest}); make it again"


def _file(path: Path, digest: str, trouble: str) -> Iterator[str]:
    if not path.is_file():
        yield f"{path}: is missing"
    elif sha256(path) != digest:
        yield f"{path}: {trouble}"


def _difference(new: Any, old: Any, where: str = "") -> str:
    """Name the first key whose value differs."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in sorted(set(new) | set(old)):
            values = new.get(key, "not there"), old.get(key, "not there")
            if values[0] != values[1]:
                return _difference(*values, f"{where}.{key}" if where else key)
    return f"{where} was {old!r}, now {new!r}"
