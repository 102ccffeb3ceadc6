"""Small pieces of Markdown."""

from __future__ import annotations

import re
from typing import Any

import yaml


def title(name: str) -> str:
    """`figure_4` -> `Figure 4`."""
    return name.replace("_", " ").capitalize()


def anchor(heading: str) -> str:
    """Return a heading's anchor on GitHub and in MyST: lower case, no punctuation, dashes for blanks."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def code(text: str) -> str:
    """Return text as code for a table's cell."""
    return f"`{text}`".replace("|", "\\|")


class _Dumper(yaml.SafeDumper):
    """Writes floats as in the files in config/: 1.0e-5, because YAML reads 1e-05 as text."""


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    digits, sign, exponent = repr(value).partition("e")
    if sign:
        digits = f"{digits if '.' in digits else f'{digits}.0'}e{'+' if int(exponent) > 0 else ''}{int(exponent)}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", digits)


_Dumper.add_representer(float, _float)


def shown(value: Any) -> str:
    """Return a setting as in a YAML file, on one line."""
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False)
    return str(text).removesuffix("\n").removesuffix("\n...")
