"""Figure 12: silhouettes of the codes of many models of one dataset, computed in one job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.geometry import silhouette
from drl.evaluation.measurement import begin
from drl.evaluation.where import Where
from drl.jobs.device import memory_used
from drl.jobs.progress import Reporter
from drl.models.model_file import load_model
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card


def silhouettes(
    models: Sequence[Path], images: Path, out: Path, settings: dict[str, Any], code: str, where: Where
) -> None:
    """Write `out`, with one row per model and the t that it was trained on, and the run card.

    Args:
        models: Model files of one dataset, each trained at a single t.
        images: The prepared images.
        out: The CSV file.
        settings: drl.pipeline.slices.silhouettes.
        code: Digest of the code, for the card.
        where: Device and threads.

    Raises:
        UserError: If a model and the images do not belong together, or codes are not finite.
    """
    started = time.monotonic()
    rows: list[dict[str, Any]] = []
    inputs: dict[Path, str] = {}
    store = placement = None
    with Reporter("silhouettes", len(models), unit="models") as reporter:
        for path in models:
            found = begin("silhouettes", path, images, where.device, where.precision, where.threads, None)
            store, placement = found.store, found.placement
            inputs |= {file: found.inputs[file] for file in (path, images)}
            times = found.recipe["times"]
            if times["kind"] != "single":
                raise UserError(f"{path} was not trained at a single t; give models of a recipe with times: single")
            codes = extract_codes(load_model(path, placement.device), store, store.test, [times["t"]], placement)[0]
            value = silhouette(codes, store.labels[store.test.to(store.labels.device)])
            cells = {
                "study": "silhouettes",
                "t": times["t"],
                "metric": "silhouette",
                "value": value,
                "n": len(store.test),
            }
            rows.append({**found.about, **cells})
            reporter.advance()
    assert placement is not None
    write_metrics(out, rows)
    write_card(
        "silhouettes",
        [out],
        settings,
        code,
        inputs=inputs,
        dataset=rows[0]["dataset"],
        **placement.describe(),
        seconds=round(time.monotonic() - started, 2),
        **memory_used(placement.device),
    )
