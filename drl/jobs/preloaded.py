"""A job's side of the preloaded server, which spares small jobs the seconds in which Python loads libraries.

A rule's `python -m drl` sends its command to the server of its run (drl/jobs/preloaded_server.py), which has loaded
everything and forks a process for the job. This process then only passes on signals, and ends as the job ends. If there
is no server, or one that cannot do the same as a plain process, this process runs the job itself.

Only the standard library is imported here, and little of it, because each job pays for it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import struct
import sys
from contextlib import suppress
from types import FrameType

from drl.jobs import memory

# The path of the server's socket; `off` prevents a server.
VARIABLE, OFF = "DRL_PRELOADED", "off"
# The server's own command line is `python -m drl` and these words: file number of its socket, and the socket's path.
SERVE = "serve-preloaded"
# A server may still be loading. When it loads nothing from the disk's cache, that takes half a minute.
PATIENCE_SECONDS = 60.0
MOST_BYTES = 1 << 20

# Libraries read these when they are loaded, so the server has one thread, and so must its jobs.
# These are those that Snakemake sets.
THREADS = (
    *("OMP_NUM_THREADS", "GOTO_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
)
# Variables that may differ between a job and the server: the above, those that are read when they are needed, and the
# shell's own. Also those of this project, and how memory is allocated, which a plain process sets for itself.
MAY_DIFFER = {*THREADS, "TMPDIR", "TMP", "TEMPDIR", "TEMP", "PWD", "OLDPWD", "SHLVL", "_", memory.VARIABLE}
OURS = "DRL_"

PASSED_ON = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGXCPU),
)
STARTED, ENDED, REFUSED = b"started", b"ended ", b"refused "


def become_or_ask() -> None:
    """Return in the process that is to run this command: a fork of the server's, or else this one.

    It does not return if the server ran the command: then this process has ended as the command did.
    """
    if sys.argv[1:2] == [SERVE]:
        from drl.jobs.preloaded_server import serve

        serve(*sys.argv[2:])
        return
    place = os.environ.get(VARIABLE, OFF)
    if place != OFF and sys.platform == "linux" and _one_thread() and _no_terminal() and _is_ours(place):
        code = _ask(place)
        if code is not None:
            _end_as(code)


def circumstances() -> dict[str, object]:
    """Return what a process of the server shares with the server and a plain one with its shell, as JSON.

    Where it differs, a fork could behave differently from a plain process. That includes what libraries read while they
    are loaded.
    """
    mask = os.umask(0o077)
    os.umask(mask)
    here = os.stat(".")
    ignored = [int(number) for number in signal.valid_signals() if signal.getsignal(number) == signal.SIG_IGN]
    found = {
        "python": [sys.executable, sys.version, sys.flags, sys.warnoptions, sorted(map(str, sys._xoptions.items()))],
        "modules": sys.path,
        # pip changes these folders; a run card would then name versions that the server has not loaded.
        "packages": [os.stat(path).st_mtime_ns for path in sys.path if path.endswith("-packages")],
        "folder": [os.getcwd(), here.st_dev, here.st_ino, os.readlink("/proc/self/root"), mask],
        "user": [os.getresuid(), os.getresgid(), sorted(os.getgroups())],
        "scheduling": [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), sorted(os.sched_getaffinity(0))],
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT_" in name},
        "namespaces": [os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))],
        "signals": [sorted(ignored), sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))],
        "environment": {name: value for name, value in os.environ.items() if not may_differ(name)},
    }
    plain: dict[str, object] = json.loads(json.dumps(found))
    return plain


def may_differ(name: str) -> bool:
    """Whether an environment variable may differ between a job and the server."""
    return name in MAY_DIFFER or name.startswith(OURS)


def peer(line: socket.socket) -> tuple[int, int]:
    """Return the process and the user at the other end of a Unix socket."""
    process, user, _ = struct.unpack(
        "3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return process, user


def remove(place: str) -> None:
    """Remove the socket and its folder, so that nobody asks again."""
    with suppress(OSError):
        os.unlink(place)
    with suppress(OSError):
        os.rmdir(os.path.dirname(place))


def _one_thread() -> bool:
    return all(os.environ.get(name) == "1" for name in THREADS)


def _no_terminal() -> bool:
    """Whether this process prints into files; a fork has no terminal."""
    try:
        return all(os.fstat(number) for number in (0, 1, 2)) and not os.isatty(1) and not os.isatty(2)
    except OSError:
        return False


def _is_ours(place: str) -> bool:
    """Whether nobody else can have put this socket there."""
    try:
        folder = os.lstat(os.path.dirname(place))
    except OSError:
        return False
    return folder.st_uid == os.getuid() and folder.st_mode & 0o077 == 0


def _ask(place: str) -> int | None:
    """Let the server run this process's command.

    Returns:
        Its exit code, or minus the signal that ended it; None if this process has to run the command.
    """
    request = {"circumstances": circumstances(), "words": sys.argv, "environment": dict(os.environ)}
    message = json.dumps(request | {"all_words": sys.orig_argv}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.settimeout(PATIENCE_SECONDS)
        try:
            line.connect(place)
            if peer(line)[1] != os.getuid():
                return None
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(message))
            socket.send_fds(line, [message], [0, 1, 2])
        except (ConnectionRefusedError, TimeoutError):
            # It was killed, or it hangs.
            remove(place)
            return None
        except OSError:
            return None
        with _PassedOn(line) as signals:
            code = _wait(line, place)
    if code is None:
        signals.obey()
    return code


def _wait(line: socket.socket, place: str) -> int | None:
    """Wait for the job's end, and return the same as `_ask`."""
    try:
        if line.recv(MOST_BYTES) != STARTED:
            return None
    except TimeoutError:
        remove(place)
        return None
    except OSError:
        return None
    line.settimeout(None)
    try:
        end = line.recv(MOST_BYTES)
    except OSError:
        end = b""
    if end.startswith(ENDED):
        return int(end.removeprefix(ENDED))
    # The kernel has killed the job with the server. What it had saved is used, as after any other kill.
    print("drl: the preloaded server was killed; this job begins again in a plain process", file=sys.stderr, flush=True)
    return None


class _PassedOn:
    """While it is entered, signals to this process go to the job."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.received: list[int] = []

    def __enter__(self) -> _PassedOn:
        numbers = [number for number in PASSED_ON if signal.getsignal(number) != signal.SIG_IGN]
        self.before = {number: signal.signal(number, self._pass_on) for number in numbers}
        return self

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.received.append(number)
        with suppress(OSError):
            self.line.send(bytes([number]), socket.MSG_DONTWAIT)

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def obey(self) -> None:
        """Send this process what no job has got."""
        for number in self.received:
            os.kill(os.getpid(), number)


def _end_as(code: int) -> None:
    """End with an exit code, or by minus it as a signal."""
    if code < 0:
        # The job has left the core.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code if code >= 0 else 128 - code)
