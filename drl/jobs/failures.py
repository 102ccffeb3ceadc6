"""The last messages of failed jobs, for the end of Snakemake's output, where users look first."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from drl.data.regular import open_regular
from drl.errors import UserError

# Snakemake's log names the log of a failed job: with the command if Snakemake ran the job itself (also with --quiet
# rules), otherwise in the paragraph about the rule.
NAMED = re.compile(r"> (\S+\.log) 2>&1' returned non-zero|^ +log: (\S+\.log) \(check log file", re.MULTILINE)
MOST = 5
LOG_BYTES, LAST_BYTES = 2**26, 2**16


def failed_logs(snakemake_log: Path) -> list[Path]:
    """Return the logs of the jobs that failed, in order, as Snakemake's log names them."""
    text = end_of(snakemake_log, LOG_BYTES)
    return list(dict.fromkeys(Path(run or submitted) for run, submitted in NAMED.findall(text)))


def last_words(snakemake_log: Path) -> list[str]:
    """Return lines that say which jobs failed and why: the last line of each job's log, and its path.

    Args:
        snakemake_log: The log file of a Snakemake that failed.
    """
    return words_of(failed_logs(snakemake_log))


def words_of(logs: Sequence[Path]) -> list[str]:
    """Return the same for the logs of failed jobs."""
    lines = [f"{len(logs)} job{'s' * (len(logs) > 1)} failed:"] if logs else []
    for log in logs[:MOST]:
        # What to do stands last, where people look.
        lines += [f"  {log} ends with", f"    {_last_line(log)}"]
    if len(logs) > MOST:
        lines.append(f"  and {len(logs) - MOST} more")
    return lines


def _last_line(log: Path) -> str:
    said = end_of(log, LAST_BYTES).strip().splitlines()
    return said[-1] if said else "it left no message"


def end_of(log: Path, most: int) -> str:
    """Return the last bytes of a log as text; nothing if it cannot be read or is no file."""
    try:
        with open_regular(log) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
            return stream.read(most).decode("utf-8", "replace")
    except (UserError, OSError):
        return ""
