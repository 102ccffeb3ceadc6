"""The preloaded server: a process that has loaded all libraries, and forks one for each job of a run of Snakemake.

It has one thread and computes nothing, so that a fork is as good as a new process. It ends with its Snakemake, after
the jobs that still run. drl/jobs/preloaded.py is the side of the jobs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import drl
from drl.jobs import memory
from drl.jobs.preloaded import (
    ENDED,
    MOST_BYTES,
    REFUSED,
    STARTED,
    circumstances,
    peer,
    remove,
)
from drl.records import code_digest

# How often it looks whether jobs' shells are stopped or its Snakemake is gone; how long it lives without a job.
LOOK_SECONDS, IDLE_SECONDS = 0.2, 900.0
# Loaded by functions of jobs; torch._dynamo by the first optimiser.
LATER = ("torch._dynamo", "sklearn.datasets", "sklearn.svm")
# Not for jobs.
WITHOUT = ("drl.__main__", "drl.docs")
PR_SET_PDEATHSIG = 1


def serve(number: str, place: str) -> None:
    """Serve until Snakemake ends. It returns only in the forks, each of which is then the process of its job.

    Args:
        number: File number of the listening socket.
        place: The path of the socket, which is removed at the end.
    """
    parent, become = os.getppid(), None
    with socket.socket(fileno=int(number)) as listener:
        listener.set_inheritable(False)
        loaded = _load()
        if loaded is not None:
            become = _Server(listener, parent, loaded).run(place)
    if become is None:
        remove(place)
        sys.exit()
    become()


@dataclass(frozen=True)
class _Loaded:
    """What was true when the libraries were loaded.

    Attributes:
        circumstances: Those of the server.
        stamp: That of the code.
        changes: The variables that libraries set in the environment.
    """

    circumstances: dict[str, object]
    stamp: str
    changes: dict[str, str]


@dataclass(eq=False)
class _Job:
    """A job.

    Attributes:
        line: The connection with the process that asks for it.
        asker: That process.
        process: The job's own process, once it is started.
        end: The file that becomes readable at its end.
        stopped: Whether it is stopped, because its asker is.
    """

    line: socket.socket
    asker: int
    process: int = 0
    end: int = -1
    stopped: bool = False


def _load() -> _Loaded | None:
    """Load all that jobs load; None if forks would then not be as good as new processes."""
    here, stamp, before = circumstances(), code_digest.stamp(), dict(os.environ)
    for module in pkgutil.walk_packages(drl.__path__, "drl."):
        if not module.name.startswith(WITHOUT):
            importlib.import_module(module.name)
    for name in LATER:
        importlib.import_module(name)
    changes = {name: value for name, value in os.environ.items() if before.get(name) != value}
    # A plain process has it once it is started again; a fork has the server's memory, and need not start again.
    if memory.VARIABLE in before:
        changes[memory.VARIABLE] = before[memory.VARIABLE]
    # Without a home, matplotlib makes a folder for one process and removes it at its end.
    if "MPLCONFIGDIR" in changes or code_digest.stamp() != stamp or circumstances()["packages"] != here["packages"]:
        return None
    gc.collect()
    # A fork would copy the memory of every object that a collection looks at.
    gc.freeze()
    return _Loaded(here, stamp, changes)


class _Server:
    """The loop of the server: it hears the connections of jobs, and of the end of their processes."""

    def __init__(self, listener: socket.socket, parent: int, loaded: _Loaded) -> None:
        self.listener, self.parent, self.loaded = listener, parent, loaded
        self.jobs: set[_Job] = set()
        self.ready = selectors.DefaultSelector()
        self.ready.register(listener, selectors.EVENT_READ)

    def run(self, place: str) -> Callable[[], None] | None:
        """Serve.

        Returns:
            In a fork, what makes it the process of its job; None in the server, at the end.
        """
        listens, used = True, time.monotonic()
        while listens or self.jobs:
            for key, _ in self.ready.select(LOOK_SECONDS):
                job = key.data
                if job is None:
                    self._accept()
                elif key.fileobj is not job.line:
                    self._ended(job)
                elif job in self.jobs and (become := self._hear(job)) is not None:
                    return become
            for job in self.jobs:
                _stop_as_asker(job)
            used = time.monotonic() if self.jobs else used
            if listens and (os.getppid() != self.parent or time.monotonic() - used > IDLE_SECONDS):
                listens = False
                self.ready.unregister(self.listener)
                self.listener.close()
                remove(place)
        return None

    def _accept(self) -> None:
        line, _ = self.listener.accept()
        asker, user = peer(line)
        if user != os.getuid():
            line.close()
            return
        job = _Job(line, asker)
        self.jobs.add(job)
        self.ready.register(line, selectors.EVENT_READ, job)

    def _hear(self, job: _Job) -> Callable[[], None] | None:
        """Take a request, a signal, or the end of the process that asks."""
        files: list[int] = []
        try:
            message, files, *_ = socket.recv_fds(job.line, MOST_BYTES, 3, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            message = b""
        if not job.process:
            return self._begin(job, message, files)
        if message:
            os.kill(job.process, message[0])
        else:
            # Whoever kills the asker means the job.
            os.kill(job.process, signal.SIGKILL)
            self.ready.unregister(job.line)
        return None

    def _begin(self, job: _Job, message: bytes, files: list[int]) -> Callable[[], None] | None:
        """Fork the job's process, or refuse."""
        try:
            request = json.loads(message)
            reason = self._against(request) if len(files) == 3 else "files"
            server = os.getpid()
            process = -1 if reason else os.fork()
        except (OSError, ValueError, LookupError, TypeError) as error:
            reason, process = str(error), -1
        if process == 0:
            self._let_go()
            return partial(_become, request, files, self.loaded, server)
        for file in files:
            os.close(file)
        if process > 0:
            job.process, job.end = process, os.pidfd_open(process)
            self.ready.register(job.end, selectors.EVENT_READ, job)
        with contextlib.suppress(OSError):  # it was killed: the next event of its line says so
            job.line.send(STARTED if process > 0 else REFUSED + reason.encode(), socket.MSG_DONTWAIT)
        if process < 0:
            self._forget(job)
        return None

    def _against(self, request: dict[str, Any]) -> str:
        """Return why a fork could behave differently from the process that asks; empty: it could not."""
        if code_digest.stamp() != self.loaded.stamp:
            return "code"
        if len(os.listdir("/proc/self/task")) > 1:
            return "threads"
        asked = request["circumstances"]
        return " ".join(name for name, value in self.loaded.circumstances.items() if asked[name] != value)

    def _ended(self, job: _Job) -> None:
        """Tell the asker how its job ended."""
        _, status = os.waitpid(job.process, 0)
        with contextlib.suppress(OSError):
            job.line.send(ENDED + str(os.waitstatus_to_exitcode(status)).encode(), socket.MSG_DONTWAIT)
        self.ready.unregister(job.end)
        os.close(job.end)
        self._forget(job)

    def _forget(self, job: _Job) -> None:
        with contextlib.suppress(KeyError):
            self.ready.unregister(job.line)
        job.line.close()
        self.jobs.discard(job)

    def _let_go(self) -> None:
        """Close the server's files in a fork; otherwise other jobs would not notice the end of the server."""
        self.ready.close()
        self.listener.close()
        for job in self.jobs:
            job.line.close()
            if job.end >= 0:
                os.close(job.end)


def _stop_as_asker(job: _Job) -> None:
    """Stop a job whose asker is stopped, and let it go on with it; SIGSTOP cannot be passed on."""
    try:
        state = (
            Path(f"/proc/{job.asker}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        )
    except OSError:
        return
    if job.process and (state == "T") != job.stopped:
        job.stopped = not job.stopped
        os.kill(job.process, signal.SIGSTOP if job.stopped else signal.SIGCONT)


def _become(request: dict[str, Any], files: list[int], loaded: _Loaded, server: int) -> None:
    """Make a fork the process of its job, as if it were the process that asks.

    Args:
        request: What that process has sent.
        files: Its files 0, 1 and 2.
        loaded: What was loaded.
        server: The server, without which this process ends: nobody else would notice its asker's end.
    """
    if ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) or os.getppid() != server:
        os.kill(os.getpid(), signal.SIGKILL)
    os.setsid()
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"] | loaded.changes)
    sys.argv[:], sys.orig_argv[:] = request["words"], request["all_words"]
    code_digest.loaded_from = loaded.stamp
    # What a new process has anew. Python's own random numbers begin anew in each fork.
    import numpy as np
    import torch

    np.random.seed()  # noqa: NPY002
    torch.default_generator.seed()
    tempfile.tempdir = None
