"""Files of Snakemake's report and its records: none holds a script, ends in a traceback, or keeps it waiting."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from drl.config.yaml_text import load, read_yaml
from drl.data.regular import read_regular, shown
from drl.errors import UserError, clean
from drl.files import below

RECORDS = Path(".snakemake", "metadata")  # what Snakemake remembers of each output; a copied project brings it along
UNFINISHED = "incomplete"  # beside them: a note for each output that a job has begun
LOCKS = "locks"  # beside them: lists of files that a running Snakemake uses
MOST_BYTES = 2**24  # of one of these, or of a style sheet
# What could run as a script in the report: HTML; docutils' directives, links, targets and substitutions, whose names
# Snakemake writes into attributes with their quotation marks; and addresses that are scripts.
_SCRIPT = re.compile(r"""[<"`|\\]|_(?![^\W_])|^\s*\.\.(\s|$)|\b(java|vb)script:""", re.IGNORECASE | re.MULTILINE)
_RULE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def check_report_metadata(files: Iterable[Path]) -> None:
    """Check files of --report-metadata: Snakemake writes their texts into a script, and docutils makes HTML of them.

    Raises:
        UserError: If one has a key twice, is out of bounds or not YAML, or a text in it would run as a script.
    """
    for file in files:
        waiting: list[Any] = [read_yaml(file, strict=False)]
        while waiting:
            part = waiting.pop()
            if isinstance(part, dict):
                waiting += [*part.keys(), *part.values()]
            elif isinstance(part, list):
                waiting += part
            # Behind a question mark stands Python code, which Snakemake runs; YTE's own key is in no report.
            elif (
                isinstance(part, str)
                and not part.startswith("?")
                and part != "__use_yte__"
                and (found := _SCRIPT.search(part))
            ):
                raise UserError(
                    f"{file}: {clean(part.strip())}: {clean(found[0].strip())} could run as a script in the report; "
                    "write it without"
                )


def check_stylesheets(files: Iterable[Path]) -> None:
    """Check files of --report-stylesheet, which Snakemake writes into the report as they are.

    Raises:
        UserError: If one is no regular file, is too large, or could end the style sheet and begin a script.
    """
    for file in files:
        if b"</" in read_regular(file, MOST_BYTES):
            raise UserError(
                f"{shown(file)}: holds </, with which a script could begin in the report; write %3C/ in an address, or "
                "leave it out"
            )


def check_records(for_report: bool = False, folder: Path = RECORDS) -> None:
    """Check Snakemake's records of outputs, which it reads with a model that answers wrong ones with a traceback.

    A record that is no JSON is left to Snakemake, which does without it.

    Args:
        for_report: Whether a report is made, into which names of rules and environments are written from records.
        folder: Where they are; it need not exist.

    Raises:
        UserError: If one cannot be read, is not of Snakemake's model, or, for a report, is not as Snakemake writes
            them for rules of this project.
    """
    for path, record in _read(folder):
        if not record:
            continue
        if not _is_record(record):
            raise UserError(
                f"{shown(path)}: is a damaged record of Snakemake; remove this file: Snakemake then makes the output "
                "that it speaks of again, or takes it by its run card"
            )
        if for_report and not (isinstance(record, dict) and _is_ours(record)):
            raise UserError(
                f"{shown(path)}: is no record that Snakemake made of this project's rules, and its text would be part "
                "of the report; remove it"
            )
    for path in below(folder.parent / LOCKS).files:
        _bytes(path)
    for path, record in _read(folder.parent / UNFINISHED):
        job = record.get("external_jobid") if isinstance(record, dict) else 0
        if not isinstance(job, str | None):
            raise UserError(
                f"{shown(path)}: is a damaged note of Snakemake about unfinished work; remove the output that was not "
                "finished, if there is one, and then this file"
            )


def _read(folder: Path) -> Iterator[tuple[Path, Any]]:
    """Yield the files in a folder of records, with what Snakemake will read there."""
    found = below(folder)
    for path, reason in found.closed:
        raise UserError(f"{shown(path)}: {reason}")
    for path in found.files:
        data = _bytes(path)
        try:
            yield path, json.loads(data.decode())
        except json.JSONDecodeError:
            continue
        except (ValueError, RecursionError) as error:
            # Not UTF-8, too deep, or a number of too many digits: all of them end Snakemake.
            raise UserError(f"{shown(path)}: is a damaged record of Snakemake; remove this file") from error


def _bytes(path: Path) -> bytes:
    """Read a file that a Snakemake which runs at the same time may remove; nothing if it is gone."""
    try:
        return read_regular(path, MOST_BYTES)
    except UserError:
        if os.path.lexists(path):
            raise
        return b""


def _is_record(record: Any) -> bool:
    """Whether Snakemake's own model takes a record."""
    from pydantic import ValidationError
    from snakemake.persistence import MetadataRecord  # type: ignore[import-untyped]

    try:
        MetadataRecord.model_validate(record)
    except ValidationError:
        return False
    return True


def _is_ours(record: dict[Any, Any]) -> bool:
    rule, environment, image = (record.get(key) for key in ("rule", "conda_env", "container_img_url"))
    return (
        (rule is None or (isinstance(rule, str) and _RULE.fullmatch(rule) is not None))
        and (image is None or (isinstance(image, str) and "<" not in image))
        and (environment is None or (isinstance(environment, str) and _is_plain(environment)))
    )


def _is_plain(environment: str) -> bool:
    """Whether a conda environment, YAML in base64, is plain values: Snakemake's own reader runs code that tags name."""
    try:
        found = load(base64.b64decode(environment).decode(), "conda_env", strict=False)
        return "<" not in json.dumps(found)
    except (UserError, ValueError, TypeError):
        return False
