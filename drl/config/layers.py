"""The layers of the configuration (its files, the scale's and the user's) and the order in which they are merged."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from drl.config.merge import merge
from drl.config.project import project
from drl.config.schema import SCALES
from drl.config.words import TEXTS, text_value
from drl.config.yaml_text import read_value, read_yaml
from drl.errors import UserError, clean, nearest

FOLDER = project() / "config"
# Later files override earlier ones. No two of them set the same key.
FILES = (
    "config.yaml",
    "datasets.yaml",
    "recipes/codes_128d.yaml",
    "recipes/small_codes.yaml",
    "recipes/samples.yaml",
    "studies.yaml",
    "arms.yaml",
    "items.yaml",
)


class Layer(NamedTuple):
    """Settings and where they come from: a file, or `--set`."""

    source: str
    settings: Mapping[str, Any]


def layers(own: Sequence[Layer]) -> list[Layer]:
    """Return all layers: config/, then the scale's file, then the user's own; later layers override earlier ones.

    Raises:
        UserError: If a file cannot be read, or `scale` is not one of demo, lite, paper.
    """
    base = [Layer(f"config/{name}", read_yaml(FOLDER / name)) for name in FILES]
    scale = merged([*base, *own]).get("scale")
    if scale not in SCALES:
        raise UserError(f"config: unknown scale {scale!r}; {nearest(str(scale), SCALES)}")
    of_scale = dict(read_yaml(FOLDER / "scales" / f"{scale}.yaml"))
    of_every_item = of_scale.pop("every_item", {})
    # An item without datasets makes its own data.
    items = {name: of_every_item for name, item in merged(base)["items"].items() if "datasets" in item}
    of_scale = merge({"items": items}, of_scale)
    return [*base, Layer(f"config/scales/{scale}.yaml", of_scale), *own]


def merged(some: Sequence[Layer]) -> dict[str, Any]:
    """Lay each layer over those before it."""
    return reduce(merge, (layer.settings for layer in some), {})


def own_layers(scale: str | None, files: Sequence[Path], sets: Sequence[str]) -> list[Layer]:
    """Return the layers that the options of a `drl` command give; if no scale is given, the files decide it.

    Raises:
        UserError: If a file cannot be read, or a setting is not written as `a.b=v`.
    """
    given = [Layer(str(path), read_yaml(path)) for path in files] + [Layer("--set", assignments(sets))]
    return given if scale is None else [*given, Layer("--scale", {"scale": scale})]


def assignments(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn `a.b=v` words of a command line into a nested mapping; v is read as YAML, and names as they stand.

    Raises:
        UserError: If a word has no `=`, its key is given twice, or its value is not YAML.
    """
    nested: dict[str, Any] = {}
    seen = set[str]()
    for pair in pairs:
        path, sign, text = pair.partition("=")
        if not sign or not path:
            raise UserError(f"--set {clean(pair)}: write key.subkey=value")
        if path in seen:
            raise UserError(f"--set {clean(pair)}: {clean(path)} is given twice; give it once")
        seen.add(path)
        if path in TEXTS and text == "~" and not os.path.exists(text):
            raise UserError(f"--set {clean(pair)}: YAML takes ~ for null; write null, or the path of your home folder")
        value: Any = text_value(text) if path in TEXTS else read_value(text, f"--set {clean(pair)}")
        for key in reversed(path.split(".")):
            value = {key: value}
        nested = merge(nested, value)
    return nested
