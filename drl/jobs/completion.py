"""Jobs that keep a state: only one process works on a job, and its finished files outlive a killed Snakemake.

If Snakemake is killed, its jobs continue. When it is started again, it regards the files that they finish as
incomplete, removes them, and starts the jobs again. So a finished job also keeps its files as hard links in the folder
of its state, until the Snakemake that started it ends by itself.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.data.regular import shown
from drl.errors import UserError
from drl.files import canonical_json, remove_folder, sweep
from drl.jobs.environment import ordered_by_snakemake
from drl.jobs.job import study_of
from drl.jobs.lock import job_lock
from drl.pipeline.registry import STEPS
from drl.records.card import read_card

KEPT = "finished"
FINGERPRINT = re.compile("[0-9a-f]{20}")


@dataclass(frozen=True)
class JobFiles:
    """The outputs of a job, and all that decides them.

    Attributes:
        title: The job's name in messages (drl.jobs.job.Job.title).
        out: The first output, after which the run card is named.
        state: Folder of the state, whose name depends on all of the following; None: the job keeps no state.
        settings: The job's settings.
        code_digest: Digest of its code.
        inputs: SHA-256 of the files that it reads.
        owner: Versions, device and so on, as in drl.training.state.belongs_to.
        about: Seed and so on, as in the run card, which distinguish jobs that share all of the above.
    """

    title: str
    out: Path
    state: Path | None
    settings: dict[str, Any]
    code_digest: str
    inputs: Mapping[Path, str]
    owner: dict[str, Any]
    about: Mapping[str, Any]

    @property
    def card(self) -> Path:
        """The run card."""
        return self.out.parent / f"{self.out.name}.json"

    @property
    def names(self) -> frozenset[str]:
        """The names of all files that the job's step writes, without the card; a job may leave some of them out."""
        return frozenset(file.name for file in STEPS[study_of(self.title)].files(self.out))

    @property
    def state_file(self) -> Path:
        """The saved state of a training."""
        assert self.state is not None
        return self.state / "state.safetensors"

    def made(self, card: Path) -> bool:
        """Whether a run card and the files beside it are complete, and are the results of this job.

        A card may come with a downloaded folder, and name somebody's files as the job's. Such a card is of no job.
        """
        try:
            found = read_card(card)
            return (
                {self.out.name} <= found.outputs.keys() <= self.names
                and canonical_json([found.settings, found.code_digest])
                == canonical_json([self.settings, self.code_digest])
                and all(found.fact(key) == value for key, value in self.about.items())
                and sorted(found.inputs.values()) == sorted(self.inputs.values())
                and all(found.versions.get(name) == value for name, value in self.owner["versions"].items())
                and all(found.fact(key) == self.owner[key] for key in ("device", "precision", "compile", "threads"))
                and all(found.is_whole(name, card.parent / name) for name in found.outputs)
                and not any((card.parent / name).is_symlink() for name in (*found.outputs, card.name))
            )
        except (UserError, OSError):
            return False


@contextmanager
def sole_job(files: JobFiles, until: float | None = None) -> Iterator[bool]:
    """Hold a job for this process while the block makes its files; remove its state when they are made.

    Args:
        files: What the job makes.
        until: Value of time.monotonic at which this process stops waiting for another one; None: never.

    Yields:
        Whether the files exist already, so that nothing is left to do: another process has just made them, or they were
        finished for a Snakemake that was killed. A finished job that is run again is made again.

    Raises:
        drl.errors.Unfinished: If this process stopped waiting.
        UserError: If the folder of the state is a link, so that what lies there may be somebody else's; or if it would
            hold the job's files, which go with it.
    """
    for place in (files.state, files.state / KEPT) if files.state else ():
        if place.is_symlink():
            raise UserError(f"{shown(place)}: is a link, but a job keeps its state in a folder of its own; remove it")
    place = Path(os.path.realpath(files.out.parent), files.out.name)
    if files.state and place.is_relative_to(os.path.realpath(files.state)):
        raise UserError(f"{shown(files.out)}: lies where the job keeps its state; choose another place for --out")
    with job_lock(files.title, files.out, *([files.state] if files.state else []), until=until) as waited:
        # What a killed process has not finished takes room that this one may lack.
        for folder in (files.out.parent, *([files.state] if files.state else [])):
            sweep(folder)
        done = waited and files.made(files.card)
        if files.state is not None:
            done = done or _restore(files, files.state / KEPT)
        if done:
            print(f"drl: {files.title}: is made already, see {files.card}", file=sys.stderr, flush=True)
        yield done
        if files.state is not None and not done:
            _keep_for_snakemake(files, files.state)


def forget(states: Path, incomplete: Path = Path(".snakemake/incomplete")) -> None:
    """Remove the files that finished jobs have kept, because a Snakemake that ended by itself has accepted them.

    Nothing is removed while Snakemake marks any file as incomplete. The file may belong to a job whose end was not
    seen, by an earlier Snakemake or by this one when it was interrupted.

    Only what a job of ours left is removed: a folder that is named by a fingerprint, holds a run card or nothing among
    the finished files, and lies inside the results once links are resolved.

    Args:
        states: Folder of the states, inside the results.
        incomplete: Where Snakemake marks such files.
    """
    if incomplete.is_dir() and any(path.is_file() for path in incomplete.rglob("*")):
        return
    finished = [kept.parent for kept in states.glob(f"*/{KEPT}") if _of_job(kept)]
    home = Path(os.path.realpath(states.parent)) / states.name
    if finished and Path(os.path.realpath(states)) != home:
        print(
            f"drl: {shown(states)}: is a link, so the states of finished jobs below it stay; remove them by hand",
            file=sys.stderr,
        )
        return
    for state in finished:
        if Path(os.path.realpath(state / KEPT)) == home / state.name / KEPT:
            remove_folder(state)


def _of_job(kept: Path) -> bool:
    """Whether a folder of finished files is one that a job of ours made."""
    if not FINGERPRINT.fullmatch(kept.parent.name) or not kept.is_dir():
        return False
    names = os.listdir(kept)
    return not names or any(_is_card(kept / name) for name in names if name.endswith(".json"))


def _is_card(path: Path) -> bool:
    try:
        read_card(path)
    except UserError:
        return False
    return True


def _restore(files: JobFiles, kept: Path) -> bool:
    if not files.made(kept / files.card.name):
        remove_folder(kept)
        return False
    # The card comes last, as when the files are made.
    for name in (*read_card(kept / files.card.name).outputs, files.card.name):
        target = files.out.parent / name
        target.unlink(missing_ok=True)
        os.link(kept / name, target)
        # Make it newer than its inputs, because Snakemake compares times.
        os.utime(target)
    return True


def _keep_for_snakemake(files: JobFiles, state: Path) -> None:
    if not ordered_by_snakemake():
        remove_folder(state)
        return
    kept = state / KEPT
    remove_folder(kept)
    try:
        kept.mkdir(parents=True)
        for name in (*files.names.intersection(read_card(files.card).outputs), files.card.name):
            os.link(files.out.parent / name, kept / name)
    except (OSError, UserError):
        # The file is gone, hard links do not work here, or the disk is full. The last state leads to the same files. An
        # empty folder says that the job is finished.
        for path in kept.glob("*"):
            path.unlink()
        return
    for path in state.glob("*.safetensors"):
        if path.is_file():
            path.unlink()
