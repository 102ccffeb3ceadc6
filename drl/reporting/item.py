"""What `drl figure` and `drl table` share: read an item's metrics, and write its files and the run card."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pandas as pd

from drl.config.drawings import ItemJob
from drl.files import atomic
from drl.jobs.job import Job
from drl.jobs.lock import job_lock
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card
from drl.reporting.aggregate import check_finite, check_scale, read_all
from drl.reporting.drawer import drawer, needing

Writers = Mapping[str, Callable[[Path], object]]


def name_of(job: Job[ItemJob]) -> str:
    """Return the item's name, or of a study's part the name of its step."""
    return str(job.about.get("item", job.study))


def write_item(
    job: Job[ItemJob],
    function: str,
    make: Callable[[Job[ItemJob], ModuleType, pd.DataFrame, dict[Path, str]], Writers],
) -> None:
    """Write the item's numbers as CSV, its other files, and the run card.

    Args:
        job: Its inputs `metrics` are the CSV files of the item's studies; its settings name the module that draws it,
            which takes them too.
        function: What that module must have besides `table`: `draw` or `sheet`.
        make: Takes the job, that module, the numbers, and the digests of the files that were read, to which it adds
            its own. It returns for each suffix but .csv a function that writes that file.

    Raises:
        UserError: If a metrics file is missing, cut off, changed, of another scale, or has no rows of this item.
    """
    started, settings, metrics = time.monotonic(), job.settings, job.inputs["metrics"]
    module = drawer(settings, function)
    read = check_inputs(metrics)
    frame = read_all(metrics)
    check_scale(frame, settings.scale, name_of(job))
    with needing(name_of(job)):
        numbers = module.table(frame, settings)
        check_finite(numbers, name_of(job))
        writers = dict(make(job, module, numbers, read))
    writers[".csv"] = lambda path: numbers.to_csv(path, index=False, lineterminator="\n", float_format="%.6g")
    outputs = list(dict.fromkeys([job.out, *map(job.out.with_suffix, writers)]))
    with job_lock(name_of(job), job.out):
        with ExitStack() as stack:
            for path in outputs:
                writers[path.suffix](stack.enter_context(atomic(path)))
        about = {**job.about, "item": name_of(job), "seconds": round(time.monotonic() - started, 2)}
        write_card(job.study, outputs, settings.slice(), job.code_digest, inputs=read, **about)
