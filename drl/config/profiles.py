"""Snakemake's profiles, and the files that they name: each option is given once and none is dropped."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drl.config.report_files import check_records, check_report_metadata, check_stylesheets
from drl.config.words import TEXTS, pairs
from drl.config.yaml_text import MOST_BYTES, read_yaml
from drl.data.regular import read_regular
from drl.errors import UserError, clean

STYLES = ("report-stylesheet", "report-html-stylesheet-path")  # the second is of Snakemake's reporter
# Options of a profile that are looked at; the two with configfile are one.
_OPTIONS = (
    "config",
    "configfile",
    "configfiles",
    "report",
    "reporter",
    "report-metadata",
    *STYLES,
    "persistence-backend",
)
_PROFILE = re.compile(r"(profile|config)(\.v\d+\+)?\.yaml")


def check_for_report(backend: str) -> None:
    """Check Snakemake's records, from which it makes the report."""
    if backend != "file":
        raise UserError(
            f"--persistence-backend {clean(backend)}: only records in files are checked for a report; make it without"
        )
    check_records(for_report=True)


def check_files(files: Iterable[Path]) -> None:
    """Check the configuration files that a Snakemake reads, wherever it found their names.

    Raises:
        UserError: If one has a key twice, is empty, out of bounds or not YAML, or asks for YTE, with which Snakemake
            chooses and drops parts of it.
    """
    for file in files:
        settings = read_yaml(file)
        if not settings and b"{" not in read_regular(file, MOST_BYTES):
            raise UserError(f"{file}: holds no setting; write one into it, or leave out --configfile")
        if "__use_yte__" in settings:
            raise UserError(f"{file}: __use_yte__: settings are not computed; write plain values, without this key")


def _option(key: Any) -> str:
    """Return the option that a key of a profile means: Snakemake takes dashes before it, and unique beginnings."""
    name = str(key).strip("-")
    meant = {known for known in _OPTIONS if known == name} or {known for known in _OPTIONS if known.startswith(name)}
    meant = {known.replace("files", "file") for known in meant}
    return meant.pop() if name and len(meant) == 1 else name


def checked_profile(file: Path) -> dict[str, Any]:
    """Check a profile and the files that it names, and return its options."""
    said, keys = dict[str, Any](), dict[str, Any]()
    for key, value in read_yaml(file, strict=False).items():
        option = _option(key)
        if option in keys:
            raise UserError(
                f"{file}: {clean(keys[option])} and {clean(key)} are one option, and Snakemake uses one of them; give "
                "it once"
            )
        said[option], keys[option] = value, key
    section = said.get("config")
    for key, value in section.items() if isinstance(section, dict) else ():
        if key in TEXTS and not isinstance(value, str | None):
            raise UserError(f"{file}: config.{key}: YAML reads {value!r}; put the name in quotes")
    if not isinstance(section, dict):
        pairs([word for word in _listed(section) if isinstance(word, str)])
    for option, check in (
        ("configfile", check_files),
        ("report-metadata", check_report_metadata),
        *((style, check_stylesheets) for style in STYLES),
    ):
        check(place for place in _named(said.get(option), file.parent) if os.path.exists(place))
    if said.get("report") or said.get("reporter"):
        check_for_report(str(said.get("persistence-backend", "file")))
    return said


def check_nothing_lost(profiles: Sequence[tuple[str, Path, Mapping[str, Any]]], words: Mapping[str, Any]) -> None:
    """Refuse settings of a profile that Snakemake would drop, since it uses an option from one place only.

    The command line comes before profiles, and may say something else; of two profiles, the last one is used.

    Args:
        profiles: Name, file and options of each profile.
        words: What the command line gives, by option.

    Raises:
        UserError: It names the first key or file that would be lost.
    """
    for option in ("config", "configfile"):
        for place, (name, file, said) in enumerate(profiles):
            own = _settings(said.get(option))
            if option in words and (lost := own.keys() - _settings(words[option]).keys()):
                raise UserError(
                    f"{file}: {option}: {clean(min(lost))} would be lost, since the command line has --{option} too; "
                    f"write all of them after that --{option}"
                )
            for other, later, more in profiles[place + 1 :] if option not in words else ():
                theirs = _settings(more.get(option))
                if other != name and own and theirs and (differing := own.items() - theirs.items()):
                    raise UserError(
                        f"{file}: {option}: {clean(min(differing)[0])} would be lost, since {later} has {option} too; "
                        "write all of them in one profile"
                    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _settings(section: Any) -> dict[str, str]:
    """Return keys and values of `config` in a profile or of words of --config; files of `configfile` are keys."""
    if isinstance(section, dict):
        return {str(key): str(value) for key, value in section.items()}
    split = [str(word).partition("=") for word in _listed(section)]
    return {key: value for key, _, value in split}


def _named(files: Any, folder: Path) -> Iterator[Path]:
    """Yield the files that a profile names, as Snakemake finds them: a single one may lie beside the profile."""
    if isinstance(files, list):
        yield from (Path(file) for file in files if isinstance(file, str))
    elif isinstance(files, str):
        place = os.path.expanduser(os.path.expandvars(files))
        yield from [Path(folder, place)] if os.path.exists(folder / place) else [Path(place)]


def profiles_of(names: Iterable[str], of_workflow: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names of profiles, and their files, where Snakemake looks for them.

    Args:
        names: Those of --profile.
        of_workflow: That of --workflow-profile.
        folder: The Snakefile's.
    """
    # As Snakemake does, in its own words: the places differ between systems.
    from platformdirs import PlatformDirs

    known = PlatformDirs("snakemake", "snakemake")
    for name in names:
        yield from ((name, file) for file in _files_of(name, [known.user_config_dir, known.site_config_dir]))
    for place in (of_workflow, os.path.join("profiles", of_workflow), os.path.join(folder, "profiles", of_workflow)):
        if of_workflow not in ("", "none") and os.path.exists(place):
            yield from ((place, file) for file in _files_of(place, ()))
            return


def _files_of(name: str, folders: Iterable[str]) -> Iterator[Path]:
    places = [name] if os.path.exists(name) else [os.path.join(folder, name) for folder in folders]
    for place in places if name not in ("", "none") else ():
        if os.path.isfile(place):
            yield Path(place)
        elif os.path.isdir(place):
            yield from (Path(place, file) for file in sorted(os.listdir(place)) if _PROFILE.fullmatch(file))


def of_environment() -> list[str]:
    """Return the profiles that $SNAKEMAKE_PROFILE names: one, or several as a list in JSON."""
    given = os.environ.get("SNAKEMAKE_PROFILE", "")
    try:
        names = json.loads(given) if given.startswith("[") else [given]
    except (ValueError, RecursionError):
        return []
    return [name for name in names if isinstance(name, str)]
