"""A job that keeps a state: alone at its work, and its finished files never lost with the process that ordered them.

When Snakemake is killed, its jobs live on; what they finish it takes for incomplete when it is started again, removes,
and orders again. So the files of a finished job are kept a second time, as hard links in the folder of its state, until
the Snakemake that ordered them ends by itself.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.errors import UserError
from drl.files import canonical_json, sha256
from drl.jobs.environment import ordered_by_snakemake
from drl.jobs.lock import job_lock
from drl.records.card import read_card

KEPT = "finished"


@dataclass(frozen=True)
class Work:
    """What a job makes, and all that decides it.

    Attributes:
        title: For what is said.
        out: The first output, after which the run card is named.
        state: Folder of the state, of a name that all of the following decide; None: it keeps none.
        settings: The job's settings.
        code_digest: Digest of its code.
        inputs: SHA-256 of the files that it reads.
        owner: Versions, device and so on, as drl.training.state.belongs_to says.
        about: Which job of several that share all this: seed and so on, as the run card has them.
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
    def state_file(self) -> Path:
        """The saved state of a training."""
        assert self.state is not None
        return self.state / "state.safetensors"

    def made(self, card: Path) -> bool:
        """Whether a run card and the files beside it are whole, and what this job would make."""
        try:
            found = read_card(card)
            return (
                canonical_json([found.settings, found.code_digest]) == canonical_json([self.settings, self.code_digest])
                and all(found.fact(key) == value for key, value in self.about.items())
                and sorted(found.inputs.values()) == sorted(self.inputs.values())
                and all(found.versions.get(name) == value for name, value in self.owner["versions"].items())
                and all(found.fact(key) == self.owner[key] for key in ("device", "precision", "compile", "threads"))
                and all(sha256(card.parent / name) == digest for name, digest in found.outputs.items())
            )
        except (UserError, OSError):
            return False


@contextmanager
def sole_job(work: Work, until: float | None = None) -> Iterator[bool]:
    """Be the only process at a job while the block makes its files; give up its state when they are made.

    Args:
        work: The job.
        until: Time of time.monotonic from which on waiting for another process is given up; None: never.

    Yields:
        Whether the files are there already, so that there is nothing left to do: another process has just made them, or
        they were finished for a Snakemake that was killed. Who runs a finished job again gets it made again.

    Raises:
        drl.errors.Unfinished: If waiting was given up.
    """
    with job_lock(work.title, work.out, *([work.state] if work.state else []), until=until) as waited:
        done = waited and work.made(work.card)
        if work.state is not None:
            done = done or _take(work, work.state / KEPT)
        if done:
            print(f"drl: {work.title}: is made already, {work.card} says how", file=sys.stderr, flush=True)
        yield done
        if work.state is not None and not done:
            _settle(work, work.state)


def forget(states: Path, incomplete: Path = Path(".snakemake/incomplete")) -> None:
    """Give up what finished jobs have kept: a Snakemake that ended by itself has taken their files.

    Not while Snakemake holds some file for incomplete: it may be of a job that an earlier Snakemake, or this one when
    it was interrupted, did not see finished.

    Args:
        states: Folder of the states.
        incomplete: Where Snakemake marks such files.
    """
    if incomplete.is_dir() and any(path.is_file() for path in incomplete.rglob("*")):
        return
    for kept in states.glob(f"*/{KEPT}"):
        shutil.rmtree(kept.parent, ignore_errors=True)


def _take(work: Work, kept: Path) -> bool:
    if not work.made(kept / work.card.name):
        shutil.rmtree(kept, ignore_errors=True)
        return False
    # The card comes last, as it does when they are made.
    for name in (*read_card(kept / work.card.name).outputs, work.card.name):
        target = work.out.parent / name
        target.unlink(missing_ok=True)
        os.link(kept / name, target)
        # Newer than its inputs, by which Snakemake goes.
        os.utime(target)
    return True


def _settle(work: Work, state: Path) -> None:
    if not ordered_by_snakemake():
        shutil.rmtree(state, ignore_errors=True)
        return
    kept = state / KEPT
    shutil.rmtree(kept, ignore_errors=True)
    try:
        kept.mkdir(parents=True)
        for name in (*read_card(work.card).outputs, work.card.name):
            os.link(work.out.parent / name, kept / name)
    except (OSError, UserError):
        # Already taken away, no hard links here, or a full disk: the last state leads to the same files.
        return
    for path in state.glob("*.safetensors"):
        path.unlink()
