"""One GPU for one job: on a machine with several GPUs, a local job takes a slot of the least busy one.

Snakemake counts GPUs but does not say which one a job may use, so all jobs would use the first one. A slot is a
lock file, and the kernel frees the lock when the process that holds it ends, however it ends.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from weakref import WeakSet

from filelock import Timeout

from drl.errors import Unfinished, UserError
from drl.jobs import lock
from drl.jobs.lock import file_lock

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 5.0  # before a job prints that it waits
VISIBLE = "CUDA_VISIBLE_DEVICES"
OURS = "DRL_GPU"  # the device that a job took, for the processes that it starts


def visible_gpus() -> list[str]:
    """Return the GPUs that jobs may use: those in CUDA_VISIBLE_DEVICES if it is set, else all of the machine.

    Returns:
        CUDA ordinals (for all GPUs: 0, 1, …, regardless of the numbers of their device files), or names such as
        GPU-8932f937…. As in CUDA, the list ends before the first entry that is neither, so an empty value and -1 mean
        no GPU.
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
    """Hold a slot of a GPU while the block runs, and hide all other GPUs from this process; wait while none is free.

    It must be entered before CUDA starts. It does nothing on the CPU or without GPUs. A process that was started by a
    process with a slot shares that slot.

    Args:
        device: The configuration's `run.device`.
        slots: Jobs that may share one GPU, at least 1.
        gpus: The GPUs to choose from; None: `visible_gpus`.
        folder: The folder of the lock files; None: `lock_folder`.

    Yields:
        The GPU, as CUDA_VISIBLE_DEVICES names it, or None if no slot was taken.

    Raises:
        UserError: If the folder cannot hold lock files.
        Unfinished: If no slot became free in drl.jobs.lock.LONGEST_SECONDS.
    """
    gpus = visible_gpus() if gpus is None else gpus
    before = {name: os.environ.get(name) for name in (VISIBLE, OURS)}
    if device == "cpu" or not gpus:
        yield None
        return
    if before[OURS] is not None and before[OURS] == before[VISIBLE]:
        yield before[OURS]
        return
    gpu, slot = _wait_for(gpus, slots, lock_folder() if folder is None else folder)
    with slot:
        os.environ[VISIBLE] = os.environ[OURS] = gpu
        try:
            yield gpu
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


# The guards of this process's slots. A forked child closes its copies, because it may outlive its parent.
_GUARDS: WeakSet[socket.socket] = WeakSet()


def _close_in_child() -> None:
    for guard in tuple(_GUARDS):
        guard.close()


os.register_at_fork(after_in_child=_close_in_child)


def _take(path: Path) -> ExitStack | None:
    """Lock a slot's file and return the stack that frees the slot; None if another process holds it."""
    with ExitStack() as slot, suppress(Timeout):
        slot.enter_context(file_lock(path))
        if _bind_guard(slot, path):
            return slot.pop_all()
    return None


def _bind_guard(slot: ExitStack, path: Path) -> bool:
    """Bind the abstract socket name of a slot; return False if another process has it.

    A lock file may be deleted while it is held, by hand or by a clean-up of /tmp. Then the next process makes and locks
    another file of that name. So on Linux the holder also binds an abstract socket name, which nobody can delete. The
    name alone is not enough: containers may share a /tmp but not a network.
    """
    if sys.platform != "linux":
        return True
    name = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()
    try:
        guard = slot.enter_context(socket.socket(socket.AF_UNIX))
        _GUARDS.add(guard)
        guard.bind(f"\0drl-gpu-{name}")
    except OSError as error:
        # Any other error means a sandbox without sockets.
        return error.errno != errno.EADDRINUSE
    return True


def _prepare(folder: Path) -> None:
    """Make the folder of lock files, for this user alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.lstat().st_uid == os.getuid():
            return
        wrong = "belongs to another user"
    except OSError as error:
        wrong = error.strerror or str(error)
    raise UserError(f"{folder}: cannot hold the lock files of GPUs ({wrong}); set TMPDIR to a folder that you own")


def _wait_for(gpus: Sequence[str], slots: int, folder: Path) -> tuple[str, ExitStack]:
    since = time.monotonic()
    say_at = since + PATIENCE_SECONDS
    while True:
        found = _least_busy(gpus, slots, folder)
        if found is not None:
            return found
        now = time.monotonic()
        if now >= min(say_at, since + lock.LONGEST_SECONDS):
            each = "" if slots == 1 else f" of {slots} slots each"
            holders = sorted({lock.holder_of(path) for gpu in gpus for path in _slot_files(gpu, slots, folder)})
            held = f"jobs hold all of {', '.join(gpus)}{each}: {', '.join(holders)}"
            if now >= since + lock.LONGEST_SECONDS:
                raise Unfinished(f"stopped while waiting for a free GPU: {held}; run the same command to go on")
            print(f"waiting for a free GPU: {held}", file=sys.stderr, flush=True)
            say_at = now + lock.SAY_SECONDS
        time.sleep(POLL_SECONDS)


def _least_busy(gpus: Sequence[str], slots: int, folder: Path) -> tuple[str, ExitStack] | None:
    """Take a slot of the GPU with the most free slots, the first of several; None if no slot is free.

    All free slots are locked for a moment. A process that looks then regards them as held, and soon looks again.
    """
    _prepare(folder)
    free = {gpu: _free_slots(gpu, slots, folder) for gpu in gpus}
    best = max(gpus, key=lambda gpu: len(free[gpu]))
    mine = free[best].pop(0) if free[best] else None
    for others in free.values():
        for slot in others:
            slot.close()
    return None if mine is None else (best, mine)


def _slot_files(gpu: str, slots: int, folder: Path) -> list[Path]:
    # SLURM numbers the GPUs of each job from 0, so another job's 0 is another GPU.
    job = f"job{os.environ['SLURM_JOB_ID']}-" if VISIBLE in os.environ and "SLURM_JOB_ID" in os.environ else ""
    name = job + re.sub(r"[^\w-]", "_", gpu)
    return [folder / f"{name}.{number}.lock" for number in range(slots)]


def _free_slots(gpu: str, slots: int, folder: Path) -> list[ExitStack]:
    taken = []
    for path in _slot_files(gpu, slots, folder):
        try:
            slot = _take(path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(f"{path}: cannot be locked ({reason}); set TMPDIR to a folder on a local disk") from error
        if slot is not None:
            taken.append(slot)
    return taken
