"""Results that were copied: those that their run cards vouch for count as made, whatever their times say.

Snakemake compares the times of files, and its own records of settings and code. A copy has neither: `cp -r` gives files
new times in any order, and the records stay in the other folder's `.snakemake`. A run card holds checksums of outputs
and inputs, the settings and the digest of the code. So results whose card agrees with all of them are taken as made
here: Snakemake itself (`--touch`) gives them times in order, and records their settings and code, so that later changes
make them again.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drl.config.schema import Config
from drl.data.regular import shown
from drl.errors import UserError, clean
from drl.files import below
from drl.pipeline.step import PlannedJob
from drl.records.card import read_card
from drl.records.places import jobs_at
from drl.records.removal import why_not_ours
from drl.records.verify import faults_of

OLD = ".old"  # is put after the names of results that do not count and must be made again
MOST = 5  # lines about results that are not whole
SECONDS = 1800.0  # the longest that Snakemake may take for the times and records


@dataclass(frozen=True)
class Adoptable:
    """What is in a folder of results.

    Attributes:
        whole: The jobs whose results are whole, of this configuration and code, and made from such results.
        others: One line for each other result, which says why it is not.
        roots: The jobs of the others that read no file. No time of an input says that they are not up to date.
    """

    whole: tuple[PlannedJob, ...]
    others: tuple[str, ...]
    roots: tuple[PlannedJob, ...]


def out_of_order(folder: Path, config: Config) -> list[PlannedJob]:
    """Return the jobs with a result that is older than a file that it was made from.

    Args:
        folder: results/<scale>.
        config: The configuration.
    """
    return [job for job in _jobs(folder) if _is_older(folder, job, config)]


def worth_it(folder: Path, config: Config) -> bool:
    """Whether times are out of order though results are whole, as after a copy; otherwise nothing is hashed twice."""
    return any(_faults(folder, job, config) is None for job in out_of_order(folder, config))


def adoptable(folder: Path, config: Config) -> Adoptable:
    """Check all results of a folder against their run cards, the configuration and the code.

    Args:
        folder: results/<scale>.
        config: The configuration.
    """
    jobs = _jobs(folder)
    faults = {job: _faults(folder, job, config) for job in jobs}
    known: dict[PlannedJob, str | None] = {}

    def why_not(job: PlannedJob) -> str | None:
        if job not in known:
            known[job] = faults.get(job, f"{shown(folder / job.output)}: is missing") or _of_inputs(job)
        return known[job]

    def _of_inputs(job: PlannedJob) -> str | None:
        for other in job.jobs_before(config):
            if why_not(other) is not None:
                return f"{shown(folder / job.output)}: needs {shown(folder / other.output)}, which is made again"
        return None

    whole = tuple(job for job in jobs if why_not(job) is None)
    others = [job for job in jobs if why_not(job) is not None]
    roots = tuple(job for job in others if _is_root(folder, job, config))
    return Adoptable(whole, tuple(str(why_not(job)) for job in others), roots)


def adopt(folder: Path, found: Adoptable, config: Mapping[str, Any], snakemake: Sequence[str] = ()) -> list[str]:
    """Let Snakemake take whole results for made, in the current folder; roots that do not count are renamed.

    Renamed are only files that a readable card of the job names, that lie inside the folder once links are resolved,
    and that are regular; no other file is written over.

    Args:
        folder: results/<scale>.
        found: What `adoptable` found there.
        config: The user's own settings, as Snakemake merges them.
        snakemake: Further words for Snakemake, such as its Snakefile.

    Returns:
        A line for each file that was renamed, or that was left alone though it does not count.

    Raises:
        UserError: If Snakemake refuses, say because another one runs here.
    """
    if found.whole:
        _touch(folder, found.whole, config, snakemake)
    return [line for job in found.roots for line in _set_aside(folder, job)]


def _set_aside(folder: Path, job: PlannedJob) -> Iterator[str]:
    """Rename the files of a job, since Snakemake makes what is missing, and say so."""
    card, root = _card(folder, job), Path(os.path.realpath(folder))
    try:
        named = {card.with_name(name) for name in read_card(card).outputs} | {card}
    except UserError as error:
        yield f"{shown(card)}: {clean(error, 160)}; left alone: remove it and its files yourself"
        return
    for path in _outputs(folder, job):
        if not os.path.lexists(path):
            continue
        reason = why_not_ours(path, root) if path in named else "its card does not name it"
        free = next(place for place in _old_names(path) if not os.path.lexists(place))
        if reason is None:
            os.rename(path, free)
        yield f"{shown(path)}: " + (f"renamed to {free.name}" if reason is None else f"{reason}; left alone")


def _old_names(path: Path) -> Iterator[Path]:
    yield path.with_name(path.name + OLD)
    yield from (path.with_name(f"{path.name}{OLD}{number}") for number in itertools.count(2))


def _touch(folder: Path, jobs: Sequence[PlannedJob], config: Mapping[str, Any], snakemake: Sequence[str]) -> None:
    """Let Snakemake record jobs, and give their files times in order."""
    with tempfile.TemporaryDirectory(prefix="drl-adopt-") as place:
        own = Path(place, "config.yaml")
        own.write_text(json.dumps(dict(config)), encoding="utf-8")
        targets = [(folder / job.output).as_posix() for job in jobs]
        words = ["--touch", "--forceall", "--cores", "1", "--no-hooks", "--quiet", "all", "--configfile", str(own)]
        command = [sys.executable, "-P", "-m", "snakemake", *targets, *words, *snakemake]
        # Otherwise it would look for a copy itself.
        environment = os.environ | {"DRL_ADOPT": "off", "DRL_VIEW": "off"}
        try:
            run = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UserError(f"{folder}: Snakemake could not take results for made: {clean(error, 300)}") from error
    if run.returncode != 0:
        said = (run.stderr or run.stdout).strip().splitlines() or ["it left no message"]
        raise UserError(f"{folder}: Snakemake could not take results for made: {clean(said[-1], 300)}")


def told(folder: Path, found: Adoptable, renamed: Sequence[str] = ()) -> list[str]:
    """Return lines for readers: how many results count as made, why others do not, and what `adopt` said."""
    lines = [f"{folder}: {len(found.whole)} results are whole and count as made"]
    if found.others:
        lines += [f"{len(found.others)} others do not, and are made again where they are needed:"]
        lines += [f"  {line}" for line in found.others[:MOST]]
        lines += [f"  and {len(found.others) - MOST} more"] if len(found.others) > MOST else []
    lines += renamed
    return [f"drl: {lines[0]}", *lines[1:]]


def _jobs(folder: Path) -> list[PlannedJob]:
    """Return the jobs of ours whose card lies in a folder of results at its usual place."""
    found: dict[PlannedJob, None] = {}
    for path in below(folder).files:
        if path.suffix != ".json":
            continue
        for job in jobs_at(path.with_suffix(""), folder):
            if _card(folder, job) == path:
                found[job] = None
    return list(found)


def _card(folder: Path, job: PlannedJob) -> Path:
    return folder / f"{job.output}.json"


def _faults(folder: Path, job: PlannedJob, config: Config) -> str | None:
    """Return the first fault of a job's results; None if there is none."""
    if (fault := next(faults_of(_card(folder, job), config), None)) is not None:
        return fault
    try:
        named = {os.path.realpath(_card(folder, job).parent / name) for name in read_card(_card(folder, job)).inputs}
        planned = {os.path.realpath(path) for path in _inputs(folder, job, config)}
    except UserError as error:
        return str(error)
    if more := sorted(planned - named):
        return f"{shown(folder / job.output)}: was made without {shown(os.path.relpath(more[0]))}"
    return None


def _inputs(folder: Path, job: PlannedJob, config: Config) -> list[Path]:
    """Return the files that a job reads by the configuration; files that no job makes only if they exist."""
    files: Iterable[Any] = (file for several in job.needs(config).values() for file in several)
    paths = (folder / file.path if file.job is not None else Path(file.path) for file in files)
    return [path for path in paths if path.is_relative_to(folder) or path.is_file()]


def _is_root(folder: Path, job: PlannedJob, config: Config) -> bool:
    try:
        return not _inputs(folder, job, config)
    except (UserError, KeyError, ValueError):
        return False  # of a recipe or dataset that this configuration does not have


def _is_older(folder: Path, job: PlannedJob, config: Config) -> bool:
    try:
        made = min(path.stat().st_mtime_ns for path in _outputs(folder, job))
        return any(path.stat().st_mtime_ns > made for path in _inputs(folder, job, config))
    except (OSError, UserError, KeyError, ValueError):
        return False


def _outputs(folder: Path, job: PlannedJob) -> Iterator[Path]:
    yield from (*job.step.files(folder / job.output), _card(folder, job))
