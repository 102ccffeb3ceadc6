"""The files that a command writes: none that it reads, none of another job, and none of somebody else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.data import json_text
from drl.data.regular import read_regular, shown
from drl.errors import UserError
from drl.files import write_json
from drl.records.card import Card, read_card

ELSEWHERE = "choose another place for --out"
MOST_BYTES = 2**20  # of a note
MOST_LEVELS = 4096  # no path has more


@dataclass(frozen=True, kw_only=True)
class Writes:
    """What a command writes and reads.

    Attributes:
        command: The command, as its card says it.
        about: What else its card says of the job: scale, dataset, seed and so on.
        files: All files but the card, which is named after the first. That one the user named; not the others.
        inputs: Files that it reads, and folders of such files.
        images: Folders of images that it reads; nothing new is written among them.
        levels: How deep in these folders files are read: 1 is the folder itself.
        usual: Whether the files lie at their place in results/<scale>, where no other job's files lie.
        link: A link among the folders below results/<scale> that lead to that place: files there may be somebody's.
    """

    command: str
    about: Mapping[str, Any]
    files: Sequence[Path]
    inputs: Iterable[Path] = ()
    images: Sequence[Path] = ()
    levels: range = range(1, 2)
    usual: bool = False
    link: Path | None = None

    @property
    def card(self) -> Path:
        """The run card."""
        return self.files[0].with_name(f"{self.files[0].name}.json")

    @property
    def note(self) -> Path:
        """A hidden file that names the job's files until its card does."""
        return self.files[0].with_name(f".{self.files[0].name}.making")


@contextmanager
def own_files(writes: Writes) -> Iterator[None]:
    """Refuse to write over what is not the job's own; then hold the job's files as its own while the block makes them.

    A job that was killed or failed may have written some of its files and no card. They are its own all the same, which
    a hidden note beside them says, until the same command has made all of them.

    Raises:
        UserError: If a file to write is an input, lies among images that are read, is of another job, or is there
            though no card of this job names it (except the first where the user named it).
    """
    places = [*writes.files, writes.card]
    for path in places:
        if len({_place(other) for other in places}) < len(places):
            raise UserError(f"{shown(writes.files[0])}: two files of this command would have one name; {ELSEWHERE}")
        _check_not_read(path, writes)
    if writes.usual and writes.link is None:
        yield
        return
    own = names_of(writes)
    for path in places:
        if os.path.lexists(path) and path.name not in own:
            _check_nobodys(path, writes)
    first = writes.files[0]
    with _noted(writes, {first.name} if os.path.lexists(first) and first.name not in own else set()):
        yield


def _check_not_read(path: Path, writes: Writes) -> None:
    for given in writes.inputs:
        if not given.is_dir() and _same(path, given):
            raise UserError(f"{shown(path)}: this command reads this file, so it does not write it; {ELSEWHERE}")
    for folder in writes.images:
        parts = _below(path, folder)
        if len(parts) in writes.levels and not any(part.startswith(".") for part in parts):
            raise UserError(f"{shown(path)}: lies in {shown(folder)}, whose files are read as images; {ELSEWHERE}")


def _check_nobodys(path: Path, writes: Writes) -> None:
    """Refuse a file that is there and not of this job, unless the user named it and it is nobody's."""
    if writes.link is not None:
        raise UserError(not_ours(path, writes.link))
    for given in writes.inputs:
        if given.is_dir() and _below(path, given):
            raise UserError(f"{shown(path)}: this command reads files in {shown(given)}; {ELSEWHERE}")
    for card, said in _cards(path.parent):
        if not (card == writes.card and _of(said, writes)) and path.name in (card.name, *said.outputs):
            raise UserError(f"{shown(path)}: is of {said.command}, {shown(card.name)} says; {ELSEWHERE}")
    if path != writes.files[0]:
        raise UserError(
            f"{shown(path)}: is written beside {shown(writes.files[0].name)}, but is there already, and not as this "
            f"job made it; move it away, or {ELSEWHERE}"
        )


def not_ours(path: Path, link: Path) -> str:
    """Say that a job's place, behind a link, holds a file that is not the job's."""
    return (
        f"{shown(path)}: is there already, and not of the job that makes such a file; move it away, or remove the link "
        f"{shown(link)}"
    )


def names_of(writes: Writes) -> set[str]:
    """Return the names of files that an earlier run of this job made: of its note, and whole ones of its card."""
    names: set[str] = set()
    # The note first: it goes only when the card is there.
    with suppress(UserError, ValueError, LookupError, TypeError, RecursionError):
        said = json_text.load(read_regular(writes.note, MOST_BYTES))
        if isinstance(said, dict) and [said.get("command"), said.get("about")] == [writes.command, writes.about]:
            names |= {name for name in said["files"] if isinstance(name, str)}
    with suppress(UserError):
        card = read_card(writes.card)
        if _of(card, writes):
            # A card may come from elsewhere: what it names is its job's only while it is as it was made.
            names |= {writes.card.name, writes.files[0].name}
            files = {name: writes.card.with_name(name) for name in card.outputs}
            names |= {name for name, file in files.items() if file.is_file() and card.is_whole(name, file)}
    return names


def _of(card: Card, writes: Writes) -> bool:
    """Whether a card is of this job; cards of the oldest jobs and of the verdict do not say their scale."""
    known = {name: card.fact(name) for name in writes.about}
    return card.command == writes.command and all(
        value == writes.about[name] or (value is None and name == "scale") for name, value in known.items()
    )


def _named(card: Path) -> set[str]:
    return {card.name, *read_card(card).outputs}


def _cards(folder: Path) -> Iterator[tuple[Path, Card]]:
    for path in sorted(folder.glob("*.json")):
        with suppress(UserError):
            yield path, read_card(path)


@contextmanager
def _noted(writes: Writes, given: set[str]) -> Iterator[None]:
    """Keep the note while the block runs, and after it as long as files are there that no card names.

    Args:
        writes: What the command writes.
        given: Names of files that were there before, and are not of this job.
    """
    if len(writes.files) == 1 and writes.link is None:
        yield
        return
    folder = writes.note.parent
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in writes.files]
    try:
        write_json(writes.note, {"command": writes.command, "about": dict(writes.about), "files": names})
        yield
    finally:
        known = set(given)
        with suppress(UserError):
            known |= _named(writes.card)
        if not any(os.path.lexists(path) and path.name not in known for path in writes.files):
            writes.note.unlink(missing_ok=True)
        for place in missing:
            with suppress(OSError):
                place.rmdir()


def _place(path: Path) -> str:
    """Return where a file is put: links among its folders are followed, but a link of its name is replaced."""
    return os.path.join(os.path.realpath(path.parent), path.name)


def _below(path: Path, folder: Path) -> tuple[str, ...]:
    """Return the parts of a file's place below a folder; none if it is not inside."""
    place, root = Path(_place(path)), Path(os.path.realpath(folder))
    return place.relative_to(root).parts if place.is_relative_to(root) else ()


def _same(path: Path, given: Path) -> bool:
    """Whether two paths lead to one file, also where the file system does not tell capitals from small letters."""
    if {_place(path), os.path.realpath(path)} & {_place(given), os.path.realpath(given)}:
        return True
    with suppress(OSError):
        return os.path.realpath(path.parent) == os.path.realpath(given.parent) and os.path.samefile(path, given)
    return False
