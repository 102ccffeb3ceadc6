"""What a user says to Snakemake, checked before it reads that.

Snakemake itself reads words of --config as YAML, drops keys that stand twice in a file, and has no bounds.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from drl.config.profiles import (
    STYLES,
    check_files,
    check_for_report,
    check_nothing_lost,
    checked_profile,
    of_environment,
    profiles_of,
)
from drl.config.report_files import check_records, check_report_metadata, check_stylesheets
from drl.config.words import pairs
from drl.errors import UserError, clean

REPORT = "report.html"  # what --report alone means


# Snakemake's other short options: without a value, with one, and with several. They may stand in one word with -C.
FLAGS, WITH_VALUE, WITH_VALUES = "hntkfFlSDvpa", "cjdewT", "RPUOq"


class _Unclear(Exception):
    """Snakemake itself will complain about its command line."""


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Unclear(message)


def of_snakemake(argv: Sequence[str]) -> bool:
    """Whether a command line, with its own name, is Snakemake's."""
    return bool(argv) and "snakemake" in Path(argv[0]).parts[-2:]


def check_command_line(argv: Sequence[str]) -> None:
    """Check the words and files that a Snakemake is given, before it reads them.

    Args:
        argv: Its command line with its own name; that of another program is left alone.

    Raises:
        UserError: If a file has a key twice, is out of bounds or not YAML, or a setting is not used as written; if a
            text, style sheet or record for the report would run as a script; or a record of Snakemake is damaged.
    """
    if not of_snakemake(argv):
        return
    parser = _Words(add_help=False)
    parser.add_argument("--config", "-C", nargs="*", action="append", default=[])
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="append", default=[])
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--workflow-profile", default="default")
    parser.add_argument("--snakefile", "-s", default="Snakefile")
    parser.add_argument("--report", nargs="?", const=REPORT)
    parser.add_argument("--reporter", dest="report")
    parser.add_argument("--report-metadata", action="append", default=[])
    parser.add_argument(f"--{STYLES[0]}", f"--{STYLES[1]}", dest="styles", action="append", default=[])
    parser.add_argument("--persistence-backend", default="file")
    for letters, how in ((FLAGS, {"action": "store_true"}), (WITH_VALUE, {}), (WITH_VALUES, {"nargs": "*"})):
        for letter in letters:
            parser.add_argument(f"-{letter}", **how)  # type: ignore[arg-type]
    try:
        given, _ = parser.parse_known_args(list(argv[1:]))
    except _Unclear:
        return
    for option, groups in (("--config", given.config), ("--configfile", given.configfile)):
        if len(groups) > 1:
            raise UserError(
                f"{option} is given {len(groups)} times, and Snakemake uses only the last; "
                f"give all words after one {option}"
            )
    pairs([word for words in given.config for word in words])
    files = [file for files in given.configfile for file in files]
    for file in files:
        if not os.path.splitext(file)[1] and not os.path.lexists(file):
            raise UserError(
                f"--configfile {clean(file)}: there is no such file; Snakemake takes every word after --configfile for "
                "a file, so type targets before it"
            )
    check_files(map(Path, files))
    check_report_metadata(map(Path, given.report_metadata))
    # Snakemake itself names one that is missing.
    check_stylesheets(Path(file) for file in given.styles if os.path.lexists(file))
    if given.report is not None:
        check_for_report(given.persistence_backend)
    elif given.persistence_backend == "file":
        check_records()
    profiles = profiles_of(given.profile or of_environment(), given.workflow_profile, Path(given.snakefile).parent)
    found = [(name, file, checked_profile(file)) for name, file in profiles]
    words = dict.fromkeys(["config"], given.config[0]) if given.config else {}
    check_nothing_lost(found, words | ({"configfile": files} if files else {}))


def check_snakemake() -> None:
    """Check this process's command line for a profile; print the complaint and end with exit code 2."""
    try:
        check_command_line(sys.argv)
    except UserError as error:
        print(f"drl: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from error
