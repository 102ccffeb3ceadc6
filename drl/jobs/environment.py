"""The environment variables of jobs."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from drl.errors import UserError
from drl.jobs import memory
from drl.jobs.preloaded import OFF, SERVE, THREADS, VARIABLE, remove


def use_this_python(package: str) -> None:
    """Let jobs run the Python that runs Snakemake, and import nothing from the folder in which they run.

    Jobs call `python -m drl`. It has to be the Python that runs Snakemake, even if no environment is activated.

    Args:
        package: A folder from which `drl` can be imported, and nothing else. Modules must not come from the folder in
            which a job runs: a user's random.py there would come before Python's.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def hand_over(run: str, origins: str) -> None:
    """Tell jobs where and how to run, and where original files are.

    This uses the environment and not the rules' params, so that another device or disk reruns nothing.

    Args:
        run: The configuration's `run` section as JSON.
        origins: Folder and download switch of each dataset as JSON.
    """
    os.environ["DRL_ORDERED"] = "1"
    os.environ["DRL_RUN"] = run
    os.environ["DRL_ORIGINS"] = origins


def preload() -> subprocess.Popen[bytes] | None:
    """Start a server (drl/jobs/preloaded_server.py) for the jobs that this process will start, and tell them of it.

    Returns:
        The server; None if there can be none here.
    """
    if sys.platform != "linux" or os.environ.get(VARIABLE) == OFF:
        return None
    place = os.path.join(tempfile.mkdtemp(prefix="drl-preloaded-"), "socket")
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(place)
            listener.listen(64)
            server = subprocess.Popen(
                ["python", "-m", "drl", SERVE, str(listener.fileno()), place],
                env={memory.VARIABLE: memory.SETTINGS} | environment | dict.fromkeys(THREADS, "1"),
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except OSError:
        # The path is too long for a socket, or a sandbox has none.
        remove(place)
        return None
    os.environ[VARIABLE] = place
    return server


def ordered_by_snakemake() -> bool:
    """Whether this process is a job of Snakemake."""
    return "DRL_ORDERED" in os.environ


def max_minutes() -> float:
    """Return the most minutes that a job may request from a scheduler, $DRL_MAX_MINUTES; unset or empty: no limit.

    Raises:
        UserError: If it is not a positive whole number.
    """
    given = os.environ.get("DRL_MAX_MINUTES")
    if not given:
        return math.inf
    if not given.isdecimal() or int(given) == 0:
        raise UserError(f"DRL_MAX_MINUTES is {given!r}; give the minutes that a job may request, such as 720")
    return int(given)
