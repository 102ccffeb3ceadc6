"""Settings that tests give to all recipes at once, so that trainings are short."""

from __future__ import annotations

import json
from typing import Any

from drl.config.layers import layers, merged
from drl.config.merge import merge


def every_recipe(**settings: Any) -> dict[str, dict[str, Any]]:
    """Return a `recipes` section that gives the same settings to each recipe of config/."""
    return dict.fromkeys(merged(layers([]))["recipes"], settings)


def recipes_set(more: dict[str, dict[str, Any]] | None = None, /, **settings: Any) -> str:
    """Return the same as a word of `--set`, with more settings of single recipes."""
    return f"recipes={json.dumps(merge(every_recipe(**settings), more or {}))}"
