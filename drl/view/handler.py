"""Takes the place of the handler with which Snakemake prints its log, once jobs begin.

Until then, and if no job begins (a report, a summary, a mistake in the plan), Snakemake's own handler prints as always.
Its log file is not touched.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TextIO

from drl.view.screen import Screen
from drl.view.state import RunSeen

VARIABLE = "DRL_VIEW"
# Snakemake says these when jobs have failed or a person stops it; the view says the same with more.
SAID = ("At least one job did not complete successfully", "Exiting because a job execution failed")
SETTING_UP = ("Using shell", "Rules claiming more threads", "Conda environments", "Singularity containers")
STOPPED = ("Terminating processes on user request", "Cancelling snakemake on user request", "Will exit after finishing")


def wanted(stream: TextIO, quiet: Collection[str]) -> bool:
    """Whether to show the view: `DRL_VIEW=on` always, `off` never; else in a terminal, if Snakemake is not to be quiet.

    Args:
        stream: Where Snakemake prints.
        quiet: What it was told to be quiet about.
    """
    given = os.environ.get(VARIABLE, "")
    if given in ("on", "off"):
        return given == "on"
    return stream.isatty() and {str(word) for word in quiet} <= {"host", "reason"}


class ViewHandler(logging.Handler):
    """Shows a run in place of another handler."""

    def __init__(self, usual: logging.Handler, scale: str, log: Path | None, stream: TextIO | None = None) -> None:
        """Begin as the usual handler.

        Args:
            usual: Snakemake's own.
            scale: The scale of the configuration.
            log: The file with all that Snakemake says.
            stream: Where to print; None: standard error.
        """
        super().__init__(usual.level)
        self.usual, self.run = usual, RunSeen()
        self.screen = Screen(self.run, scale, log, stream or sys.stderr)
        self.shows = False
        self.name = "drl"

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; the caller holds this handler's lock."""
        try:
            if not self.shows and str(getattr(record, "event", "")) == "run_info":
                self.shows = True
                self.run.planned(getattr(record, "stats", {}))
                self.screen.start()
            elif self.shows:
                self._take(record)
            elif not _sets_up(record):
                self.usual.handle(record)
        except BrokenPipeError:
            raise
        except Exception:
            self.handleError(record)

    def _take(self, record: logging.LogRecord) -> None:
        event, about = str(getattr(record, "event", None) or ""), vars(record)
        with self.screen.lock:
            if event == "job_info":
                self.run.begun(about["jobid"], about)
            elif event == "job_finished":
                self.screen.done(self.run.ended(about["job_id"]))
            elif event == "job_error":
                self.screen.broke(self.run.broke(about["jobid"]))
            elif event in ("", "error"):
                self._message(record)

    def _message(self, record: logging.LogRecord) -> None:
        text = str(record.getMessage() or "").strip()
        if text.startswith(STOPPED):
            self.run.interrupted = True
            self.screen.say(text.splitlines()[0])
        elif record.levelno >= logging.ERROR:
            known = self.run.failed or self.run.interrupted
            # The second is of a job whose own event comes next.
            if not (known and any(words in text for words in SAID)) and "CalledProcessError in file" not in text:
                self.screen.say(text)
        elif record.levelno >= logging.WARNING and text not in self.run.warnings:
            self.run.warnings.append(text)
            self.screen.say(f"warning: {text}")

    def close(self) -> None:
        """End the view; Snakemake calls this at its end, however it ends."""
        if self.shows:
            self.shows = False
            self.screen.end()
        self.usual.close()
        super().close()


def _sets_up(record: logging.LogRecord) -> bool:
    """Whether a record is about how jobs will run, which only the log file keeps."""
    return str(getattr(record, "event", "")) == "resources_info" or str(record.msg).startswith(SETTING_UP)
