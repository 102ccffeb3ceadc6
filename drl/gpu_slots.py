"""One GPU for one job: on a machine with several GPUs, a local job takes a free one through a lock file.

Snakemake counts GPUs but does not say which one a job may use, so that all jobs would meet on the first.
"""

from __future__ import annotations

import glob
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

POLL_SECONDS = 1.0


def visible_gpus() -> list[str]:
    """Return the CUDA ordinals of this machine's NVIDIA GPUs: 0, 1, …, whatever numbers their device files have."""
    return [str(ordinal) for ordinal in range(len(glob.glob("/dev/nvidia[0-9]*")))]


def lock_folder() -> Path:
    """Return the folder of the lock files: one for all projects of this user on this machine."""
    return Path(tempfile.gettempdir()) / f"drl-gpu-slots-{os.getuid()}"


@contextmanager
def gpu_slot(device: str, gpus: Sequence[str] | None = None, folder: Path | None = None) -> Iterator[str | None]:
    """Hold a free GPU while the block runs and let this process see no other; wait if all are taken.

    Must be entered before CUDA starts. Where a scheduler or the user has already chosen (CUDA_VISIBLE_DEVICES, SLURM),
    on the CPU and without GPUs it does nothing. The kernel frees the lock of a process that dies.

    Args:
        device: The configuration's `run.device`.
        gpus: Ordinals of the GPUs; None asks the machine.
        folder: Where the lock files are; None takes `lock_folder`.

    Yields:
        The GPU's ordinal, or None where nothing was taken.
    """
    gpus = visible_gpus() if gpus is None else gpus
    chosen = "CUDA_VISIBLE_DEVICES" in os.environ or "SLURM_JOB_ID" in os.environ
    if device == "cpu" or chosen or not gpus:
        yield None
        return
    folder = lock_folder() if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    gpu, lock = _first_free(gpus, folder)
    os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    try:
        yield gpu
    finally:
        del os.environ["CUDA_VISIBLE_DEVICES"]
        lock.release()


def _first_free(gpus: Sequence[str], folder: Path) -> tuple[str, FileLock]:
    while True:
        for gpu in gpus:
            lock = FileLock(folder / f"{gpu}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            return gpu, lock
        time.sleep(POLL_SECONDS)
