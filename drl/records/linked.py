"""Linked folders of results: what lies behind a link may be somebody's, and jobs leave that alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from drl.config.schema import Config
from drl.errors import UserError
from drl.files import files_below
from drl.pipeline.step import PlannedJob
from drl.records.inputs import RESULTS
from drl.records.own_files import Writes, names_of, not_ours
from drl.records.places import exists, jobs_at


def first_link(results: Path, out: Path) -> Path | None:
    """Return the first folder that is a link, of those between results/<scale> and an output in it; None if none is.

    Links of `results` or results/<scale> are not meant: they put all results on another disk.
    """
    folders = [folder for folder in reversed(out.parents) if folder.is_relative_to(results) and folder != results]
    return next((folder for folder in folders if folder.is_symlink()), None)


def check_links(results: Path, config: Config) -> None:
    """Make sure that no linked folder of results holds, where a job writes, what the job did not make.

    Snakemake removes the files of a job before the job begins, so the job's own check would be too late.

    Args:
        results: results/<scale>.
        config: The configuration, which says what jobs there are.

    Raises:
        UserError: If there is such a file; it names the first.
    """
    known: dict[PlannedJob, set[str]] = {}
    for link in _links(results):
        for path in files_below(link):
            for job in jobs_at(path, results, every_file=True):
                if job not in known:
                    about = {"scale": results.name, **job.about}
                    known[job] = names_of(Writes(command=job.step.name, about=about, files=[results / job.output]))
                if path.name not in known[job] and exists(job, config):
                    raise UserError(not_ours(path, link))


def _links(results: Path) -> Iterator[Path]:
    """Yield the links to folders below results/<scale>."""
    for name in RESULTS:
        if (results / name).is_symlink():
            yield results / name
            continue
        for place, folders, _ in os.walk(results / name):
            inside = (Path(place, folder) for folder in sorted(folders))
            yield from (folder for folder in inside if folder.is_symlink())
