"""What the shell of a job finds in its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def use_this_python() -> None:
    """Put the folder of the running Python first in PATH.

    Jobs call `python -m drl`; it has to be the Python that runs Snakemake, also where no environment is activated.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def hand_over_run(run: str) -> None:
    """Tell jobs where and how to run.

    It goes through the environment and not through a rule's params: another device reruns nothing.

    Args:
        run: The configuration's `run` section as JSON.
    """
    os.environ["DRL_RUN"] = run
