"""Where the project's own files are: the only place that knows.

In a checkout they lie beside the package `drl`. A wheel has copies of them in the package (setup.py).
"""

from __future__ import annotations

from pathlib import Path

from drl.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
CODE = PACKAGE.parent  # from where `import drl` finds this package: the checkout, or a site-packages
COPIES = PACKAGE / "_project"


def project() -> Path:
    """Return the folder with Snakefile, workflow/, config/, profiles/, envs/ and docs/results/costs.csv."""
    return COPIES if COPIES.is_dir() else CODE


def checkout(what: str) -> Path:
    """Return the folder of the checkout, for work that changes its files.

    Args:
        what: Who needs it, for the message.

    Raises:
        UserError: If this package was installed without one.
    """
    if not (CODE / "Snakefile").is_file() or COPIES.is_dir():
        raise UserError(f"{what} changes the project's own files; run it in a checkout of the project")
    return CODE
