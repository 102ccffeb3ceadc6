"""`drl verify`: whether results are complete, and made by the current code, settings and inputs.

Snakemake compares only its own records; it does not notice results that were copied in or edited by hand.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drl.config.schema import Config
from drl.data.regular import of_system, shown
from drl.errors import UserError, clean, complaint
from drl.files import Below, below, canonical_json
from drl.pipeline.registry import STEPS
from drl.pipeline.step import PlannedJob
from drl.records.card import Card, read_card
from drl.records.code_digest import code_digest
from drl.records.inputs import RESULTS
from drl.records.left_out import NAME, LeftOut, left_out
from drl.records.places import jobs_at

SUFFIXES = (".safetensors", ".csv", ".svg", ".png", ".md", ".tex")
# Commands of users, with their own settings.
BY_HAND = ("convert", "sample", "encode", "export")
RESULT_SUFFIXES = (*SUFFIXES, ".json", ".npy")


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
    found = results_below(folder)
    cards = cards_of(found)
    return [
        *(f"{shown(path)}: {reason}" for path, reason in found.closed),
        *_without_card(folder, found, cards),
        *(line for path in cards for line in faults_of(path, config)),
    ]


def results_below(folder: Path) -> Below:
    """Return the files in a folder of results, and the folders in it that cannot be looked into.

    Raises:
        UserError: If none of them is a JSON file, so that there is no run card.
    """
    found = below(folder)
    if not cards_of(found):
        if found.closed:
            raise UserError("{}: {}".format(*found.closed[0]))
        raise UserError(f"{folder}: holds no run cards; give a folder of results, such as results/demo")
    return found


def cards_of(found: Below) -> list[Path]:
    """Return the JSON files in a folder of results: its run cards, and perhaps others."""
    return [path for path in found.files if path.suffix == ".json" and path.name != NAME]


def _without_card(folder: Path, found: Below, cards: list[Path]) -> Iterator[str]:
    """Yield the results that no card names."""
    known: set[Path] = set(cards)
    for path in cards:
        with contextlib.suppress(UserError):
            known |= {path.parent / name for name in read_card(path).outputs}
    for path in found.files:
        if path in known:
            continue
        if path.is_symlink() and not path.exists():
            yield f"{shown(path)}: is a link that leads nowhere; make what it led to again, or remove it"
        elif path.suffix in SUFFIXES and path.relative_to(folder).parts[0] in RESULTS:
            yield f"{shown(path)}: has no run card; make it again"


def faults_of(path: Path, config: Config) -> Iterator[str]:
    """Yield one line for each fault of a run card, its outputs and its inputs."""
    try:
        card, published = read_card(path), left_out(path)
    except UserError as error:
        yield str(error)
        return
    for name in card.outputs:
        trouble = "was changed after it was made; make it again"
        yield from _file(card, name, path.parent / name, trouble, published)
    for name in card.inputs:
        trouble = f"is not what {shown(path)} was made from; make that again"
        yield from _file(card, name, _input(path.parent, name), trouble, published)
    for trouble in _plan_faults(path, card, config, published is not None):
        yield f"{shown(path)}: {trouble}"


def by_earlier_code(folder: Path) -> int:
    """Return how many published results were made by other code than the present one.

    Their cards name the commit, so this is no fault of theirs; other results are made again.
    """
    return sum(_by_earlier_code(path) for path in cards_of(results_below(folder)))


def _by_earlier_code(path: Path) -> bool:
    with contextlib.suppress(UserError, ValueError):
        card = read_card(path)
        step = STEPS.get(card.command)
        if step is not None and left_out(path) is not None:
            return code_digest(step.code(step.parsed(card.settings))) != card.code_digest
    return False


def _plan_faults(path: Path, card: Card, config: Config, published: bool) -> Iterator[str]:
    """Compare what a card says of its job with its place, with the configuration and with the code."""
    result = path.with_suffix("")
    places = jobs_at(result)
    if result.name not in card.outputs:
        yield f"does not name {shown(result.name)} as an output; make it again"
    misplaced = [_misplaced(card, place) for place in places]
    if misplaced and all(misplaced):
        yield f"{misplaced[0]}; make it again"
        return
    if card.command in BY_HAND:
        return
    step = STEPS.get(card.command)
    if step is None:
        yield f"unknown command {card.command!r}; made by another version"
        return
    if lacking := [name for name in step.settings_axes if card.fact(name) is None]:
        yield f"does not say which {lacking[0]} it is of; made by another version"
        return
    try:
        expected = step.settings_for(config, {name: card.fact(name) for name in step.settings_axes}).slice()
        digest = code_digest(step.code(step.parsed(card.settings)))
    except ValidationError as error:
        yield f"settings: {complaint(error)}; made by another version"
        return
    except (UserError, ValueError) as error:
        yield clean(str(error).splitlines()[0], 1000)
        return
    if canonical_json(expected) != canonical_json(card.settings):
        yield f"made with other settings ({clean(_difference(expected, card.settings), 200)}); make it again"
    if digest != card.code_digest and not published:
        yield f"made by other code ({card.code_digest}, now {digest}); make it again"


def _misplaced(card: Card, place: PlannedJob) -> str | None:
    """Say in what a card disagrees with the job that writes such a file; None if it does not."""
    if card.command != place.step.name:
        return f"says that it is of {card.command}, but {place.step.name} makes this file"
    for axis, value in place.about.items():
        if card.fact(axis) != value:
            said = card.fact(axis)
            named = "no" if said is None else f"{axis} {said} as its"
            return f"names {named} {axis}, but this is the file of {axis} {clean(value)}"
    return None


def _input(folder: Path, name: str) -> Path:
    """Return the path of an input, which a card names from its own folder."""
    # If a folder between them is a link, the system would go up from where it leads.
    plain = Path(os.path.normpath(folder / name))
    return plain if plain.exists() else folder / name


def _file(card: Card, name: str, path: Path, trouble: str, published: tuple[Path, LeftOut] | None) -> Iterator[str]:
    try:
        if (
            published is not None
            and not os.path.lexists(path)
            and published[1].has(published[0], path, card.wanted(name))
        ):
            return
        if not path.is_file():
            yield f"{shown(path)}: is missing"
        elif of_system(path):
            yield f"{shown(path)}: is a file of the system, not of a result"
        elif not card.is_whole(name, path):
            yield f"{shown(path)}: {trouble}"
    except OSError as error:
        yield f"{shown(path)}: cannot be read ({error.strerror})"


def _difference(new: Any, old: Any, where: str = "") -> str:
    """Name the first key whose value differs."""
    if isinstance(new, dict) and isinstance(old, dict):
        for key in sorted(set(new) | set(old)):
            values = new.get(key, "not there"), old.get(key, "not there")
            if values[0] != values[1]:
                return _difference(*values, f"{where}.{key}" if where else key)
    return f"{where} was {old!r}, now {new!r}"
