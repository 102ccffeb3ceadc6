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


def hand_over(run: str, origins: str) -> None:
    """Tell jobs where and how to run, and where original files lie.

    It goes through the environment and not through rules' params: another device or disk reruns nothing.

    Args:
        run: The configuration's `run` section as JSON.
        origins: Folder and download switch of each dataset as JSON.
    """
    os.environ["DRL_RUN"] = run
    os.environ["DRL_ORIGINS"] = origins


def ordered_by_snakemake() -> bool:
    """Whether this process is a job of a Snakemake, which handed over where and how to run."""
    return "DRL_RUN" in os.environ
