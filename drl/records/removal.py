"""`drl verify --remove`: removing results that are not as they were made, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from drl.config.schema import SCALES, Config
from drl.data.regular import of_system, shown
from drl.errors import UserError, clean
from drl.jobs.lock import NO_LOCKS, file_lock, holder_of
from drl.pipeline.registry import STEPS
from drl.records.card import Card, NotACard, read_card
from drl.records.inputs import RESULTS
from drl.records.left_out import left_out
from drl.records.places import exists, has_name, jobs_at
from drl.records.verify import RESULT_SUFFIXES, cards_of, results_below

OUTSIDE = "lies outside the folder"


@dataclass(frozen=True)
class Damaged:
    """What is damaged in a folder of results.

    Attributes:
        folder: The folder.
        config: The configuration, which says what jobs there are.
        cards: By run card, the files to remove with it, all of them inside the folder, the card last.
        left: One line for each thing that is left alone though a card names it or cannot be read.
    """

    folder: Path
    config: Config
    cards: Mapping[Path, tuple[Path, ...]]
    left: tuple[str, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files to remove."""
        return tuple(dict.fromkeys(file for files in self.cards.values() for file in files))


class Verdict(NamedTuple):
    """Whether a file goes: it does unless there is a reason to leave it alone."""

    file: Path
    reason: str | None


def damaged(folder: Path, config: Config) -> Damaged:
    """Find results that are not as they were made. Nothing is removed.

    All files of a run card go, and the card: Snakemake makes them again as soon as something needs them. What a command
    made by hand, such as `drl export`, or put at no job's place is only named, since nobody makes it again. Found are
    results one of whose files was changed, and those whose card cannot be read: the card, and the files that its job
    writes. The latter only where a job of the configuration writes them, because other people's JSON lies beside files
    too.
    Left are results that are whole, though made from other inputs, settings or code, because Snakemake makes those
    again by itself; results of which a file is missing and none changed; all files that no card names; and those that a
    running job is making.

    A card may be edited or forged. So only regular files with a result's suffix are found, only those that lie inside
    the folder once links are resolved, and only those that the card's command writes beside the file that the card is
    named after. In a folder that holds no folders of results, that file must have a name that its command gives.

    Args:
        folder: results/<scale>, or any folder of results.
        config: The configuration. A card that cannot be read is taken for ours only where one of its jobs writes it.

    Raises:
        UserError: If the folder holds no run card at all.
    """
    found = results_below(folder)
    cards: dict[Path, tuple[Path, ...]] = {}
    left = [f"{shown(path)}: {reason}" for path, reason in found.closed]
    for path in cards_of(found):
        verdicts = list(_of_card(path, folder, config))
        going = tuple(file for file, reason in verdicts if reason is None)
        left += [f"{shown(file)}: {reason}; left alone" for file, reason in verdicts if reason is not None]
        # Whoever holds the lock has made its file. Nothing is made in the folder to find that out.
        if going and os.path.lexists(_lock(path)):
            with _held(path) as why_not:
                if why_not is not None:
                    left.append(f"{shown(path)}: {why_not}; left alone")
                    continue
        if going:
            cards[path] = going
    return Damaged(folder, config, cards, tuple(left))


def remove(found: Damaged) -> Iterator[Verdict]:
    """Remove what `damaged` found, and yield what became of each file.

    Since then somebody may have answered a question: so each card is checked again, while no job can make its files. A
    file stays if it is no longer damaged, was replaced by a link, or a job is making it.
    """
    for card, files in found.cards.items():
        with _held(card) as why_not:
            now = {} if why_not else dict(_of_card(card, found.folder, found.config))
            for file in files:
                reason = why_not or now.get(file, "is no longer damaged")
                if reason is None:
                    file.unlink()
                if reason is None or os.path.lexists(file):
                    yield Verdict(file, reason)


def _of_card(path: Path, folder: Path, config: Config) -> Iterator[Verdict]:
    """Yield the files that go because of a card, the card last, and with a reason those that do not though it may seem.

    Nothing is yielded if the card's files are as they were made.
    """
    root, result = Path(os.path.realpath(folder)), path.with_suffix("")
    try:
        card = read_card(path)
    except NotACard:
        return
    except UserError as error:
        # Its text says nothing, so it must lie where a job writes its card; then only what that job writes goes.
        jobs = (job for job in jobs_at(result, folder) if exists(job, config))
        # The place of seed 0 is not called seed00.
        job = next((job for job in jobs if result.absolute().as_posix().endswith(f"/{job.output}")), None)
        if job is None or not _holds_ours(Path(result.absolute().as_posix().removesuffix(job.output)), path):
            why = (
                "no job of this configuration writes it" if job is None else "there is no other run card of ours there"
            )
            yield Verdict(path, f"cannot be read as a run card ({clean(error, 300)}), and {why}")
        else:
            files = (*job.step.files(result), path)
            yield from (Verdict(file, why_not_ours(file, root)) for file in files if os.path.lexists(file))
        return
    made = _made_again(card, result, folder)
    ours, others, changed = [], [], False
    for name in card.outputs:
        file = path.parent / name
        reason = why_not_ours(file, root)
        try:
            differs = file.is_file() and not of_system(file) and not card.is_whole(name, file)
        except (OSError, RuntimeError, ValueError, UserError) as error:
            reason, differs = f"cannot be read ({getattr(error, 'strerror', None) or clean(error)})", False
        if reason is None and made and name not in made:
            others.append((file, differs))
        elif reason is None:
            changed = changed or differs
            ours.append(file)
        elif os.path.lexists(file) and (differs or reason != OUTSIDE):
            yield Verdict(file, f"{shown(path.name)} names it, but it {reason}")
        if reason is None and differs and not made:
            yield Verdict(file, f"was changed, but snakemake does not make it again ({card.command} put it there)")
    for file, differs in others:
        if os.path.lexists(file) and (differs or changed):
            yield Verdict(file, f"{shown(path.name)} names it, but {card.command} does not write such a file")
    if changed and made:
        yield from (Verdict(file, None) for file in ours)
        yield Verdict(path, why_not_ours(path, root))


def _holds_ours(root: Path, but: Path) -> bool:
    """Whether a folder holds a run card, other than this one, at the place of the job that it is of."""
    for path in cards_of(results_below(root)):
        with suppress(UserError):
            if path.absolute() != but.absolute():
                card = read_card(path)
                if any(job.step.name == card.command for job in jobs_at(path.with_suffix(""))):
                    return True
    return False


def _made_again(card: Card, result: Path, folder: Path) -> frozenset[str]:
    """Return the names of the files that Snakemake makes again with a result; none if it does not make it.

    It makes what lies at its job's place. Where a folder holds no folders of results, the place is not known, and the
    result's name counts.
    """
    step = STEPS.get(card.command)
    # Nobody makes what was published again where it was published.
    if step is None or left_out(result) is not None:
        return frozenset()
    whole = any(
        (place / name).is_dir() for place in (folder, *(folder / scale for scale in SCALES)) for name in RESULTS
    )
    ours = any(job.step is step for job in jobs_at(result, folder)) if whole else has_name(result, step, card.fact)
    return frozenset(file.name for file in step.files(result)) if ours else frozenset()


def why_not_ours(file: Path, root: Path) -> str | None:
    """Say why a file is not to be removed; None if it may be."""
    try:
        if not file.is_file():
            return "is no file"
        if of_system(file):
            return "is of the system"
        if not file.resolve(strict=True).is_relative_to(root):
            return OUTSIDE
    except (OSError, RuntimeError, ValueError):
        return "cannot be read"
    return None if file.suffix in RESULT_SUFFIXES else "is no result"


def _lock(card: Path) -> Path:
    return card.with_name(f".{card.stem}.lock")


@contextmanager
def _held(card: Path) -> Iterator[str | None]:
    """Hold the lock of the job that makes a card, and yield None; or do not wait for it, and yield the reason."""
    path = _lock(card)
    with ExitStack() as stack:
        why_not = None
        try:
            stack.enter_context(file_lock(path))
        except Timeout:
            why_not = f"{holder_of(path)} is running the job that makes it"
        except OSError as error:
            if error.errno in NO_LOCKS:
                path.unlink(missing_ok=True)
            else:
                why_not = f"the lock of its job cannot be taken ({error.strerror})"
        except UserError as error:
            why_not = clean(error, 300)
        yield why_not
