"""`drl figure`: draw an item from its metrics files, and keep the numbers that were drawn beside it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drl.files import atomic
from drl.provenance import write_card
from drl.reporting import style
from drl.reporting.aggregate import read_all


def figure(item: str, metrics: Sequence[Path], out: Path, settings: dict[str, Any], code: str) -> None:
    """Write `out` (an SVG), and PNG, CSV and run card beside it.

    Args:
        item: Name of the item.
        metrics: CSV files of its study.
        out: The SVG file.
        settings: `drawn_by` names the module of drl.reporting that draws it; the rest is for that module.
        code: Digest of the code, for the card.

    Raises:
        UserError: If a metrics file is missing, cut off, or has no rows of this item.
    """
    started = time.monotonic()
    module = importlib.import_module(f"drl.reporting.{settings['drawn_by']}")
    numbers = module.table(read_all(metrics), settings)
    files = [out, out.with_suffix(".png"), out.with_suffix(".csv")]
    with atomic(files[2]) as temporary:
        numbers.to_csv(temporary, index=False, lineterminator="\n")
    picture = module.draw(numbers, settings)
    for path in files[:2]:
        style.save(picture, path)
    write_card("figure", files, settings, code, inputs=metrics, item=item, seconds=round(time.monotonic() - started, 2))
