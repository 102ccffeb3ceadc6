"""The layers of the configuration (its files, the scale's and the user's) and the order in which they are merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from drl.config.merge import merge
from drl.config.schema import SCALES
from drl.errors import UserError, nearest

FOLDER = Path(__file__).resolve().parents[2] / "config"
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


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; an empty file is an empty mapping.

    Raises:
        UserError: If the file is missing, is not YAML or is not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); give an existing file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = " ".join(str(error).split())
        raise UserError(f"{path}: is not YAML in UTF-8: {place}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold 'key: value' lines at the top level")
    return content


def assignments(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn `a.b=v` words of a command line into a nested mapping; v is read as YAML.

    Raises:
        UserError: If a word has no `=`.
    """
    nested: dict[str, Any] = {}
    for pair in pairs:
        path, sign, text = pair.partition("=")
        if not sign or not path:
            raise UserError(f"--set {pair}: write key.subkey=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {pair}: the value is not YAML; quote it or fix its brackets") from error
        for key in reversed(path.split(".")):
            value = {key: value}
        nested = merge(nested, value)
    return nested
