"""The last messages of failed jobs, for the end of Snakemake's output, where users look first."""

from __future__ import annotations

import re
from pathlib import Path

# Snakemake's log names the log of a failed job: with the command if Snakemake ran the job itself (also with --quiet
# rules), otherwise in the paragraph about the rule.
NAMED = re.compile(r"> (\S+\.log) 2>&1' returned non-zero|^ +log: (\S+\.log) \(check log file", re.MULTILINE)
MOST = 5


def failed_logs(snakemake_log: Path) -> list[Path]:
    """Return the logs of the jobs that failed, in order, as Snakemake's log names them."""
    try:
        text = snakemake_log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return list(dict.fromkeys(Path(run or submitted) for run, submitted in NAMED.findall(text)))


def last_words(snakemake_log: Path) -> list[str]:
    """Return lines that say which jobs failed and why: the last line of each job's log, and its path.

    Args:
        snakemake_log: The log file of a Snakemake that failed.
    """
    logs = failed_logs(snakemake_log)
    lines = [f"{len(logs)} job{'s' * (len(logs) > 1)} failed:"] if logs else []
    for log in logs[:MOST]:
        lines.append(f"  {_last_line(log)}")
        lines.append(f"    (full log: {log})")
    if len(logs) > MOST:
        lines.append(f"  and {len(logs) - MOST} more")
    return lines


def _last_line(log: Path) -> str:
    try:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        said = []
    return said[-1] if said else "it left no message"
