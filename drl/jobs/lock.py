"""One process for one job: whoever comes second waits, and the kernel frees the lock of a process that dies."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from drl.errors import Unfinished

POLL_SECONDS = 0.5
# What flock says where a file system has no locks, or its lock server does not answer.
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


@contextmanager
def job_lock(title: str, *paths: Path, until: float | None = None) -> Iterator[bool]:
    """Be the only process that writes some files or folders, on this machine and where the file system shares locks.

    Two Snakemakes, or one that was started again while a job of the first still runs, would otherwise let two
    processes write the same state. Where the file system has no locks, a line says so and the block runs.

    Args:
        title: Of the job, for what is said.
        paths: What only one may write; `.<name>.lock` beside each is locked, in this order. Jobs that share several
            must name them in one order.
        until: Time of time.monotonic from which on waiting is given up; None: never.

    Yields:
        Whether another process held one of the locks before: it may have done the work.

    Raises:
        Unfinished: If waiting was given up.
    """
    waited = False
    with ExitStack() as locks:
        for path in paths:
            file = path.parent / f".{path.name}.lock"
            new = not file.parent.exists()
            lock, had_to_wait = _acquire(title, file, until)
            locks.callback(_release, lock, file, new)
            waited |= had_to_wait
        yield waited


def _acquire(title: str, path: Path, until: float | None) -> tuple[int, bool]:
    waited = False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except (FileNotFoundError, FileExistsError):
            if path.parent.is_file():
                raise
            continue  # whoever made the folder has just removed it
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock)
            os.close(lock)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                os.close(lock)
                raise
            _say(f"{path.parent}: this file system has no locks ({error.strerror}); see to it that no job runs twice")
            return lock, waited
        else:
            # Who held it before may have removed the file that this one waited for.
            if _is_at(lock, path):
                # On a full disk the holder is not named.
                with suppress(OSError):
                    os.ftruncate(lock, 0)
                    os.pwrite(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
                return lock, waited
            os.close(lock)
            continue
        if not waited:
            _say(f"{title}: {holder} is at it already; waiting for it to end")
            waited = True
        if until is not None and time.monotonic() >= until:
            raise Unfinished(f"stopped while {holder} was at it; run the same command to go on")
        time.sleep(POLL_SECONDS)


def _release(lock: int, path: Path, new_folder: bool) -> None:
    # Removed while it is held, so that nobody else can hold it.
    if _is_at(lock, path):
        path.unlink(missing_ok=True)
    if new_folder:
        with suppress(OSError):  # it is not empty
            path.parent.rmdir()
    os.close(lock)


def _is_at(lock: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False


def _holder(lock: int) -> str:
    try:
        found = json.loads(os.pread(lock, 1000, 0))
        return f"process {found['pid']} on {found['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _say(line: str) -> None:
    print(f"drl: {line}", file=sys.stderr, flush=True)
