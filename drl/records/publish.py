"""`drl publish`: figures, tables, metrics and every run card, without images and weights, for a repository or a paper.

The folder is laid out like results/<scale>. It keeps the cards of images and models, so that every number can be
followed to what it came from, and published.json says which files were left out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drl.config.schema import Config
from drl.data.regular import shown
from drl.errors import UserError, clean
from drl.files import atomic, files_below, sha256, write_json
from drl.pipeline.drawing import DRAWINGS, item_step
from drl.pipeline.step import PlannedJob
from drl.records.card import Card, read_card
from drl.records.inputs import named_by_cards, remedy
from drl.records.left_out import NAME, read, relative
from drl.records.places import jobs_at
from drl.records.right import SUFFIX as RIGHT

# The cards of images and models are enough: images may not be one's own to give away, and weights are large.
CARDS_ONLY = ("data", "models")
PUBLISHED = (".csv", ".svg", ".png", ".md", ".tex", RIGHT)


@dataclass
class Chosen:
    """What is published.

    Attributes:
        files: Paths in the folder of results, cards among them.
        left_out: SHA-256 of what stays out, by path as published.json names it.
    """

    files: set[Path] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)


def finished(results: Path, config: Config, items: Sequence[str] = ()) -> list[PlannedJob]:
    """Return the drawings to publish.

    Args:
        results: results/<scale>.
        config: The configuration.
        items: Names of figures and tables; if there are none, all that is finished: also the verdict, and studies of
            one's own images.

    Raises:
        UserError: If an item is unknown or not finished, or nothing is.
    """
    if items:
        jobs = [item_step(config, item).at(item=item) for item in dict.fromkeys(items)]
    else:
        jobs = [job for file in files_below(results) for job in jobs_at(file, results) if job.step in DRAWINGS]
    for job in jobs:
        if not (results / job.output).is_file() or not _card(results / job.output).is_file():
            item = clean(job.about.get("item", job.step.name))
            raise UserError(f"publish: {item} is not finished in {shown(results)}; run `snakemake {item}` first")
    if not jobs:
        raise UserError(f"publish: nothing is finished in {shown(results)}; run `snakemake figure_4` first")
    return jobs


def choose(results: Path, jobs: Sequence[PlannedJob]) -> Chosen:
    """Follow run cards from finished drawings to all that they came from.

    Args:
        results: results/<scale>.
        jobs: Drawings.

    Raises:
        UserError: If a file was changed after it was made, was made from something else than what is there now, or has
            no card.
    """
    chosen, makers = Chosen(), _Makers()
    waiting = [_card(results / job.output) for job in jobs]
    while waiting:
        path = waiting.pop()
        if path in chosen.files:
            continue
        chosen.files.add(path)
        card = read_card(path)
        for name in card.outputs:
            _take(chosen, results, path.parent / name, card, name)
        for name, digest in card.inputs.items():
            file = Path(os.path.normpath(path.parent / name))
            if not file.is_relative_to(results):
                chosen.left_out[relative(file, results)] = digest
                continue
            maker, where = makers.of(file)
            if maker.wanted(file.name) != digest:
                raise UserError(f"{shown(path)}: was made from another {shown(file.name)} than is there; make it again")
            waiting.append(where)
    return chosen


def _take(chosen: Chosen, results: Path, file: Path, card: Card, name: str) -> None:
    """Choose an output of a card, or note that it stays out."""
    if file.relative_to(results).parts[0] in CARDS_ONLY or not file.name.endswith(PUBLISHED):
        chosen.left_out[relative(file, results)] = card.wanted(name)
        return
    if not file.is_file() or not card.is_whole(name, file):
        raise UserError(f"{shown(file)}: is missing, or was changed after it was made; {remedy(file)}")
    chosen.files.add(file)


class _Makers:
    """Which card names a file; each folder is read once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, tuple[Card, Path]]] = {}

    def of(self, file: Path) -> tuple[Card, Path]:
        if file.parent not in self._known:
            self._known[file.parent] = named_by_cards(file.parent)
        if file.name not in self._known[file.parent]:
            raise UserError(f"{shown(file)}: has no run card that says what it was made from; make it again")
        return self._known[file.parent][file.name]


def publish(results: Path, chosen: Chosen, out: Path) -> list[Path]:
    """Copy what was chosen into a folder.

    What else is there stays: a folder may hold pages that somebody wrote. Only files that were published earlier, and
    are as they were then, are written over.

    Args:
        results: results/<scale>.
        chosen: What to publish.
        out: The folder.

    Returns:
        The files of an earlier publication that are no longer part of what is published.

    Raises:
        UserError: If the folder is in the folder of results or the other way round, a file is in the way that nobody
            published or that was changed since, a folder in it leads elsewhere, or the disk is full.
    """
    here, there = Path(os.path.realpath(results)), Path(os.path.realpath(out))
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UserError(f"publish: {shown(out)} and {shown(results)} lie one in the other; give another folder")
    before = read(out / NAME).published if os.path.lexists(out / NAME) else {}
    now = {relative(file, results): file for file in sorted(chosen.files)}
    for name in now:
        _check_target(out / name, there, before.get(name))
    for name, file in now.items():
        with atomic(out / name) as temporary:
            shutil.copyfile(file, temporary)
    stale = {name: digest for name, digest in before.items() if name not in now and (out / name).is_file()}
    published = stale | {name: sha256(out / name) for name in now}
    write_json(out / NAME, {"format": 1, "published": published, "left_out": chosen.left_out})
    return [out / name for name in stale]


def _check_target(target: Path, out: Path, earlier: str | None) -> None:
    """Refuse to write over what is not of an earlier publication, or through a link that leads out of the folder."""
    if not Path(os.path.realpath(target.parent)).is_relative_to(out):
        raise UserError(f"publish: {shown(target.parent)} is a link that leads elsewhere; give another folder")
    if os.path.lexists(target) and (earlier is None or target.is_symlink() or sha256(target) != earlier):
        why = "was there before" if earlier is None else "was changed after it was published"
        raise UserError(f"publish: {shown(target)} {why}, and would be written over; move it, or give another folder")


def _card(result: Path) -> Path:
    return result.with_name(f"{result.name}.json")
