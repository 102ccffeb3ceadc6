"""Words of --config and --set, as they were typed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from drl.config.yaml_text import read_value
from drl.errors import UserError, clean

TEXTS = ("dataset", "scale")  # values that are names, never numbers


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
        if "." in key:
            raise UserError(
                f"--config {clean(word)}: takes dataset=, scale= and seeds=; write other settings into a file, as "
                f"`{': '.join(key.split('.'))}: …` on lines of their own, and give it with --configfile"
            )
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


def shell_quoted(words: Sequence[str] | None) -> list[str] | None:
    """Return words of --config as Snakemake can hand them to a shell: its own quotes let `$(...)` through."""
    return None if words is None else [shlex.quote(word) for word in words]
