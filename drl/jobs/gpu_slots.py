"""One GPU for one job: on a machine with several, a local job takes a slot of the least busy one that is free.

Snakemake counts GPUs but does not say which one a job may use, so that all jobs would meet on the first. A slot is a
lock file, and the kernel takes a lock back when the process that holds it ends in whatever way.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from drl.errors import UserError

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 5.0  # before a job says that it waits
VISIBLE = "CUDA_VISIBLE_DEVICES"
OURS = "DRL_GPU"  # the device that a job took, for the processes that it starts


def visible_gpus() -> list[str]:
    """Return the GPUs that jobs may use: those of CUDA_VISIBLE_DEVICES where it is set, else all of the machine.

    Returns:
        CUDA ordinals (of the machine: 0, 1, …, whatever numbers its device files have), or names such as GPU-8932f937….
        As CUDA does, the list ends before the first entry that is neither; so an empty value and -1 mean none.
    """
    chosen = os.environ.get(VISIBLE)
    if chosen is None:
        return [str(ordinal) for ordinal in range(len(glob.glob("/dev/nvidia[0-9]*")))]
    names: list[str] = []
    for name in map(str.strip, chosen.split(",")):
        if not re.fullmatch(r"\d+|(GPU|MIG)-\S+", name):
            break
        if name not in names:
            names.append(name)
    return names


def lock_folder() -> Path:
    """Return the folder of the lock files: one for all projects of this user on this machine."""
    return Path(tempfile.gettempdir()) / f"drl-gpu-slots-{os.getuid()}"


@contextmanager
def gpu_slot(
    device: str, slots: int = 1, gpus: Sequence[str] | None = None, folder: Path | None = None
) -> Iterator[str | None]:
    """Hold a slot of a GPU while the block runs and let this process see no other GPU; wait while all are taken.

    Must be entered before CUDA starts. On the CPU and without GPUs it does nothing. A process that was started by one
    with a slot shares it.

    Args:
        device: The configuration's `run.device`.
        slots: Jobs that may share one GPU, at least 1.
        gpus: What to choose from; None takes `visible_gpus`.
        folder: Where the lock files are; None takes `lock_folder`.

    Yields:
        The GPU, as CUDA_VISIBLE_DEVICES names it, or None where nothing was taken.

    Raises:
        UserError: If the folder cannot hold lock files.
    """
    gpus = visible_gpus() if gpus is None else gpus
    before = {name: os.environ.get(name) for name in (VISIBLE, OURS)}
    if device == "cpu" or not gpus:
        yield None
        return
    if before[OURS] is not None and before[OURS] == before[VISIBLE]:
        yield before[OURS]
        return
    gpu, slot = _wait_for(gpus, slots, _prepared(lock_folder() if folder is None else folder))
    os.environ[VISIBLE] = os.environ[OURS] = gpu
    try:
        yield gpu
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        slot.release()


class _Slot:
    """A lock on a file, held until `release` or the death of this process.

    A lock file may be deleted while it is held, by hand or by what tidies /tmp, and the next process would make and
    lock another one of that name. So on Linux the holder also binds an abstract socket name, which nobody can delete;
    alone that would not do either, for containers may share a /tmp but not a network.
    """

    # Of this process, so that a fork can let go of them: it shares the locks and may outlive its parent.
    held: ClassVar[set[_Slot]] = set()

    def __init__(self, path: Path) -> None:
        """Open the file, without a lock yet."""
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self.file = os.open(path, flags, 0o600)
        self.guard: socket.socket | None = None
        _Slot.held.add(self)

    def take(self) -> bool:
        """Lock the file if nobody else has; whether that came about."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return self._bind() and self._is_in_place()

    def release(self) -> None:
        """Remove the file and let go of it. Whoever has opened it meanwhile sees that it is no longer in place."""
        if self in _Slot.held and self._is_in_place():
            self.path.unlink(missing_ok=True)
        self.let_go()

    def let_go(self) -> None:
        """Close what holds the lock in this process."""
        if self in _Slot.held:
            _Slot.held.remove(self)
            os.close(self.file)
            if self.guard is not None:
                self.guard.close()

    def _bind(self) -> bool:
        if sys.platform != "linux":
            return True
        name = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()
        with suppress(OSError):
            self.guard = socket.socket(socket.AF_UNIX)
        if self.guard is None:  # a sandbox without sockets
            return True
        try:
            self.guard.bind(f"\0drl-gpu-{name}")
        except OSError as error:
            return error.errno != errno.EADDRINUSE
        return True

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self.file), os.stat(self.path))
        except FileNotFoundError:
            return False


def _forget_in_child() -> None:
    for slot in tuple(_Slot.held):
        slot.let_go()


os.register_at_fork(after_in_child=_forget_in_child)


def _prepared(folder: Path) -> Path:
    """Make the folder of lock files, for this user alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.lstat().st_uid == os.getuid():
            return folder
        wrong = "belongs to another user"
    except OSError as error:
        wrong = error.strerror or str(error)
    raise UserError(f"{folder}: cannot hold the lock files of GPUs ({wrong}); set TMPDIR to a folder of yours")


def _wait_for(gpus: Sequence[str], slots: int, folder: Path) -> tuple[str, _Slot]:
    waiting_since = time.monotonic()
    told = False
    while True:
        found = _least_busy(gpus, slots, folder)
        if found is not None:
            return found
        if not told and time.monotonic() - waiting_since >= PATIENCE_SECONDS:
            each = "" if slots == 1 else f" of {slots} slots each"
            print(f"waiting for a free GPU: jobs hold all of {', '.join(gpus)}{each}", file=sys.stderr, flush=True)
            told = True
        time.sleep(POLL_SECONDS)


def _least_busy(gpus: Sequence[str], slots: int, folder: Path) -> tuple[str, _Slot] | None:
    """Take a slot of the GPU with most free ones, the first such; None if there is none.

    All free slots are locked for a moment. Who looks just then takes them for held, and looks again soon.
    """
    free = {gpu: _free_slots(gpu, slots, folder) for gpu in gpus}
    best = max(gpus, key=lambda gpu: len(free[gpu]))
    mine = free[best].pop(0) if free[best] else None
    for others in free.values():
        for slot in others:
            slot.release()
    return None if mine is None else (best, mine)


def _free_slots(gpu: str, slots: int, folder: Path) -> list[_Slot]:
    # SLURM numbers the GPUs of each job anew where it hands them out: another job's 0 is another GPU.
    job = f"job{os.environ['SLURM_JOB_ID']}-" if VISIBLE in os.environ and "SLURM_JOB_ID" in os.environ else ""
    name = job + re.sub(r"[^\w-]", "_", gpu)
    taken = []
    for number in range(slots):
        path = folder / f"{name}.{number}.lock"
        try:
            slot = _Slot(path)
            if slot.take():
                taken.append(slot)
            else:
                slot.let_go()
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{path}: cannot be locked ({reason}); set TMPDIR to a folder on a local disk") from error
    return taken
