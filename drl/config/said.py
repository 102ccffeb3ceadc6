"""What a user says to Snakemake, as it was typed.

Snakemake itself reads words of --config as YAML, drops keys that stand twice in a file, and has no bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from drl.config.report_files import check_records, check_report_metadata, check_stylesheets
from drl.config.yaml_text import read_value, read_yaml
from drl.errors import UserError, clean

TEXTS = ("dataset", "scale")  # values that are names, never numbers
REPORT = "report.html"  # what --report alone means
STYLES = ("report-stylesheet", "report-html-stylesheet-path")  # the second is of Snakemake's reporter
_PROFILE = re.compile(r"(profile|config)(\.v\d+\+)?\.yaml")


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
        UserError: If a file has a key twice, is out of bounds or not YAML, or a setting is not used as written; or a
            text, style sheet or record for the report would run as a script.
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
    for file in (file for files in given.configfile for file in files):
        if not os.path.splitext(file)[1] and not os.path.lexists(file):
            raise UserError(
                f"--configfile {clean(file)}: there is no such file; Snakemake takes every word after --configfile for "
                "a file, so type targets before it"
            )
        read_yaml(Path(file))
    check_report_metadata(map(Path, given.report_metadata))
    # Snakemake itself names one that is missing.
    check_stylesheets(Path(file) for file in given.styles if os.path.lexists(file))
    if given.report is not None:
        _check_for_report(given.persistence_backend)
    for file in _profiles(given.profile or _of_environment(), given.workflow_profile, Path(given.snakefile).parent):
        _check_profile(file)


def _check_for_report(backend: str) -> None:
    """Check Snakemake's records, from which it makes the report."""
    if backend != "file":
        raise UserError(
            f"--persistence-backend {clean(backend)}: only records in files are checked for a report; make it without"
        )
    check_records()


def check_files(files: Iterable[Path]) -> None:
    """Check the configuration files that a Snakemake reads, wherever it found their names.

    Raises:
        UserError: If one has a key twice, is out of bounds or not YAML.
    """
    for file in files:
        read_yaml(file)


def _check_profile(file: Path) -> None:
    said = {str(key).removeprefix("--"): value for key, value in read_yaml(file, strict=False).items()}
    section = said.get("config")
    for key, value in section.items() if isinstance(section, dict) else ():
        if key in TEXTS and not isinstance(value, str | None):
            raise UserError(f"{file}: config.{key}: YAML reads {value!r}; put the name in quotes")
    pairs([word for word in section if isinstance(word, str)] if isinstance(section, list) else ())
    for option, check in (
        ("configfile", check_files),
        ("configfiles", check_files),
        ("report-metadata", check_report_metadata),
        *((style, check_stylesheets) for style in STYLES),
    ):
        check(place for place in _named(said.get(option), file.parent) if os.path.exists(place))
    if said.get("report") or said.get("reporter"):
        _check_for_report(str(said.get("persistence-backend", "file")))


def _named(files: Any, folder: Path) -> Iterator[Path]:
    """Yield the files that a profile names, as Snakemake finds them: a single one may lie beside the profile."""
    if isinstance(files, list):
        yield from (Path(file) for file in files if isinstance(file, str))
    elif isinstance(files, str):
        place = os.path.expanduser(os.path.expandvars(files))
        yield from [Path(folder, place)] if os.path.exists(folder / place) else [Path(place)]


def _profiles(names: Iterable[str], of_workflow: str, folder: Path) -> Iterator[Path]:
    """Yield the files of profiles, where Snakemake looks for them.

    Args:
        names: Those of --profile.
        of_workflow: That of --workflow-profile.
        folder: The Snakefile's.
    """
    # As Snakemake does, in its own words: the places differ between systems.
    from platformdirs import PlatformDirs

    known = PlatformDirs("snakemake", "snakemake")
    for name in names:
        yield from _files_of(name, [known.user_config_dir, known.site_config_dir])
    for place in (of_workflow, os.path.join("profiles", of_workflow), os.path.join(folder, "profiles", of_workflow)):
        if of_workflow not in ("", "none") and os.path.exists(place):
            yield from _files_of(place, ())
            return


def _files_of(name: str, folders: Iterable[str]) -> Iterator[Path]:
    places = [name] if os.path.exists(name) else [os.path.join(folder, name) for folder in folders]
    for place in places if name not in ("", "none") else ():
        if os.path.isfile(place):
            yield Path(place)
        elif os.path.isdir(place):
            yield from (Path(place, file) for file in sorted(os.listdir(place)) if _PROFILE.fullmatch(file))


def _of_environment() -> list[str]:
    """Return the profiles that $SNAKEMAKE_PROFILE names: one, or several as a list in JSON."""
    given = os.environ.get("SNAKEMAKE_PROFILE", "")
    try:
        names = json.loads(given) if given.startswith("[") else [given]
    except (ValueError, RecursionError):
        return []
    return [name for name in names if isinstance(name, str)]


def as_typed(config: Mapping[str, Any], words: Sequence[str] | None) -> dict[str, Any]:
    """Return the configuration that Snakemake read, with names as they were typed.

    Args:
        config: What Snakemake made of --configfile and --config.
        words: The words of --config, `key=value`.

    Raises:
        UserError: As `pairs`.
    """
    return {**config, **{key: value or None for key, value in pairs(words or ()).items() if key in TEXTS}}


def text_value(text: str) -> str | None:
    """Return the name that `--set dataset=…` gives; without one, and for YAML's null, there is none."""
    return None if text in ("", "~", "null") and not os.path.exists(text) else unquoted(text) or None


def shell_quoted(words: Sequence[str] | None) -> list[str] | None:
    """Return words of --config as Snakemake can hand them to a shell: its own quotes let `$(...)` through."""
    return None if words is None else [shlex.quote(word) for word in words]


def pairs(words: Sequence[str]) -> dict[str, str]:
    """Split `key=value` words, and check that each value is used as it is written.

    Raises:
        UserError: If a word has no equals sign, a key is given twice, or Snakemake would read a part of a value as a
            comment or not at all.
    """
    found: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            raise UserError(
                f"--config {clean(word)}: is no key=value; Snakemake takes every word after --config for a setting, so "
                "type targets before it"
            )
        if key in found:
            raise UserError(f"--config {clean(word)}: {key} is given twice; give it once")
        found[key] = unquoted(value)
        if key not in TEXTS and value.strip("'\""):
            read_value(value.strip("'\""), f"--config {clean(word)}")
        elif value.lstrip("'\" ").startswith("#"):
            raise UserError(
                f"--config {clean(word)}: Snakemake takes it for a comment; write ./ before a folder's name"
            )
    return found


def unquoted(text: str) -> str:
    """Return a name without the quotes around it, which were put there for YAML; a folder's own quotes stay."""
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted and not os.path.exists(text) else text


def check_snakemake() -> None:
    """Check this process's command line for a profile; print the complaint and end with exit code 2."""
    try:
        check_command_line(sys.argv)
    except UserError as error:
        print(f"drl: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from error
