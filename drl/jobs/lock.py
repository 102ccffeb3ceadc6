"""One process per job: a second process waits, and the kernel frees the lock of a process that dies."""

from __future__ import annotations

import errno
import json
import math
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout, UnixFileLock

from drl.data.regular import read_regular, shown
from drl.errors import Unfinished, UserError, clean

POLL_SECONDS = 0.5
# A job may take days, but no process waits longer than this. From time to time it prints for which process it waits.
LONGEST_SECONDS, SAY_SECONDS = 14 * 24 * 3600.0, 600.0
HOLDER_BYTES = 4096
# The process that made the folder of a lock file removes it when it is empty, so it may vanish while others use it.
MOST_TRIES, TRY_SECONDS = 20, 0.05
# The kernel's errors if a file system has no locks, or if its lock server does not answer.
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


@contextmanager
def job_lock(title: str, *paths: Path, until: float | None = None) -> Iterator[bool]:
    """Hold locks on files or folders for this process, on this machine and wherever the file system shares locks.

    Without locks, two processes could write the same state: if two Snakemakes run, or if Snakemake is started again
    while a job of the first one still runs. If the file system has no locks, the block runs after a warning.

    Args:
        title: Name of the job, for messages.
        paths: Files or folders for one process. `.<name>.lock` beside each is locked, in this order. Jobs that share
            several paths must name them in the same order.
        until: The value of time.monotonic at which the process stops waiting; None: after LONGEST_SECONDS.

    Yields:
        Whether another process held one of the locks before. That process may have done the work.

    Raises:
        Unfinished: If that time passed while another process held a lock.
        UserError: If a lock file cannot be made beside a path.
    """
    with ExitStack() as locks:
        waited = [_acquire(locks, title, path.parent / f".{path.name}.lock", until) for path in paths]
        yield any(waited)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a file, write this process's name into it, and remove the file before the lock is released.

    A process that is started by fork does not hold the lock.

    Raises:
        filelock.Timeout: If another process holds the lock now.
        UserError: If something else has this name, which stays as it is.
        OSError: If the file cannot be made, or the file system has no locks.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        _check(path, path.lstat())
    held: list[os.stat_result] = []

    def name_holder(file: int) -> None:
        held.append(os.fstat(file))
        _check(path, held[0], os.pread(file, HOLDER_BYTES, 0))
        with suppress(OSError):  # the disk is full
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)

    lock = UnixFileLock(path, blocking=False, fallback_to_soft=False, on_acquired=name_holder)
    with lock:
        try:
            yield
        finally:
            # If the file was deleted, another process may have made a lock file of that name.
            with suppress(FileNotFoundError):
                if lock.is_locked and os.path.samestat(held[0], path.stat()):
                    path.unlink()


def _check(path: Path, found: os.stat_result, text: bytes = b"") -> None:
    """Refuse to write into a file that is not a lock file of ours: what it holds would be lost.

    Raises:
        UserError: If it is none.
    """
    # Zeros: what some file systems leave of a file after a power loss.
    if not stat.S_ISREG(found.st_mode):
        what = "is no regular file"
    elif found.st_nlink > 1:
        what = "is also a file elsewhere (a hard link)"
    elif (text.strip(b"\0") and not text.startswith(b'{"pid": ')) or found.st_size > HOLDER_BYTES:
        what = "holds something else"
    else:
        return
    raise UserError(f"{shown(path)}: {what}, but a job needs this name for its lock; remove it, or move it elsewhere")


def _acquire(locks: ExitStack, title: str, path: Path, until: float | None) -> bool:
    """Take one lock and return whether another process held it before."""
    folder, waited, tries, began, told = path.parent, False, 0, 0.0, 0.0
    if not folder.exists():
        locks.callback(_remove_if_empty, folder)
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            locks.enter_context(file_lock(path))
            return waited
        except Timeout:
            made = path.exists()
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            made = False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            with suppress(FileNotFoundError):
                if not path.lstat().st_size:
                    path.unlink()
            _say(f"{folder}: this file system has no locks ({error.strerror}); make sure that no job runs twice")
            return waited
        if not made:
            tries += 1
            if tries == MOST_TRIES:
                raise UserError(f"{folder}: cannot hold new files; choose another folder")
            time.sleep(TRY_SECONDS)
            continue
        tries, holder, now = 0, holder_of(path), time.monotonic()
        if not waited:
            _say(f"{title}: {holder} is running this job already; waiting for it to end")
            waited, began, told = True, now, now
        elif now - told >= SAY_SECONDS:
            _say(f"{title}: {holder} is still running this job; waiting since {(now - began) / 60:,.0f} minutes")
            told = now
        if now >= min(math.inf if until is None else until, began + LONGEST_SECONDS):
            raise Unfinished(f"stopped while {holder} was running this job; run the same command to go on")
        time.sleep(POLL_SECONDS)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def holder_of(path: Path) -> str:
    """Name the process that holds the lock of a file."""
    try:
        found = json.loads(read_regular(path, HOLDER_BYTES))
        return f"process {clean(found['pid'])} on {clean(found['host'])}"
    except (OSError, UserError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"


def _say(line: str) -> None:
    print(f"drl: {line}", file=sys.stderr, flush=True)
