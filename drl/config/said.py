"""What a user says to Snakemake, as it was typed.

Snakemake itself reads words of --config as YAML, drops keys that stand twice in a file, and has no bounds.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from drl.config.yaml_text import read_value, read_yaml
from drl.errors import UserError, clean

TEXTS = ("dataset", "scale")  # values that are names, never numbers
_PROFILE = re.compile(r"(profile|config)(\.v\d+\+)?\.yaml")


class _Unclear(Exception):
    """Snakemake itself will complain about its command line."""


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Unclear(message)


def check_command_line(argv: Sequence[str]) -> None:
    """Check the words and files that a Snakemake is given, before it reads them.

    Args:
        argv: Its command line with its own name; that of another program is left alone.

    Raises:
        UserError: If a file has a key twice, is out of bounds or not YAML, or a setting is not used as written.
    """
    if not argv or ("snakemake" not in Path(argv[0]).parts[-2:] and Path(argv[0]).name != "snakemake"):
        return
    parser = _Words(add_help=False)
    parser.add_argument("--config", "-C", nargs="*", action="append", default=[])
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="append", default=[])
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--workflow-profile", default="default")
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
        read_yaml(Path(file))
    for file in _profiles([*(given.profile or [os.environ.get("SNAKEMAKE_PROFILE", "")]), given.workflow_profile]):
        _check_profile(file)


def _check_profile(file: Path) -> None:
    section = read_yaml(file, strict=False).get("config")
    for key, value in section.items() if isinstance(section, dict) else ():
        if key in TEXTS and not isinstance(value, str | None):
            raise UserError(f"{file}: config.{key}: YAML reads {value!r}; put the name in quotes")
    pairs([word for word in section if isinstance(word, str)] if isinstance(section, list) else ())


def _profiles(names: Sequence[str]) -> Iterator[Path]:
    """Yield the files of profiles, as far as they lie where a user of this project would put them."""
    for name in names:
        for place in (Path(name), Path("profiles", name), Path(os.path.expanduser("~/.config/snakemake"), name)):
            if name and place.is_file():
                yield place
            elif name and place.is_dir():
                yield from (file for file in sorted(place.iterdir()) if _PROFILE.fullmatch(file.name))


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
        UserError: If a key is given twice, or Snakemake would read a part of a value as a comment or not at all.
    """
    found: dict[str, str] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign:
            continue  # Snakemake's own complaint says enough
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
