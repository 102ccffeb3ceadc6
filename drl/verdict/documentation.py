"""Links to the pages of docs/ for readers of the report, who may have nothing but the report."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache

from drl.config.project import CODE

# Of a remote, in the forms that git knows. What stands before @, which may be a password, is left out.
_GITHUB = re.compile(
    r"(?:(?:https|ssh)://(?:[^/@\s]+@)?|[\w.-]+@)github\.com[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?", re.ASCII
)


def page(name: str) -> str:
    """Return a page of docs/ as reStructuredText: a link if the project came from GitHub, otherwise its path.

    Args:
        name: The file in docs/, such as statistics.md.
    """
    place = address(_remote())
    return f"`docs/{name} <{place}/blob/HEAD/docs/{name}>`__" if place else f"``docs/{name}``"


def address(remote: str) -> str | None:
    """Return the web address of a repository on GitHub from that of git's remote; None if it is elsewhere."""
    found = _GITHUB.fullmatch(remote)
    return f"https://github.com/{found[1]}" if found else None


@cache
def _remote() -> str:
    """Return where this checkout was cloned from; nothing if it is no checkout of its own."""
    # An archive of the project may lie in another repository. GIT_DIR and others would name another one, too.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(CODE), "config", "--get", "remote.origin.url"]
    if not (CODE / ".git").exists():
        return ""
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()
