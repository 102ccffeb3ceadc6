"""The saved state of an unfinished training, written completely or not at all, and read only by the same training.

A state is one safetensors file. It contains tensors, and its header says which job it belongs to. Nothing is unpickled.
The previous state is kept beside it, in case the newest is damaged.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from drl.data.tensors import open_tensors
from drl.errors import UserError, clean
from drl.files import atomic, canonical_json
from drl.jobs.device import Placement
from drl.records.run_card import versions


class _Header(BaseModel):
    """The header: `facts` are plain values of the training; `belongs_to` must be equal for the state to be used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    facts: dict[str, Any]
    belongs_to: dict[str, Any]
    checksum: str


class _Damaged(Exception):
    """A state cannot be read as it was saved."""


def save_state(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], owner: Mapping[str, Any]) -> None:
    """Write a state atomically, and keep the previous one.

    Args:
        path: The file.
        tensors: Weights, moments, states of generators.
        facts: Plain values: step, rows of the logs.
        owner: Facts that must be equal for the state to be used again; see `belongs_to`.

    Raises:
        UserError: If the disk is full; earlier states then stay unchanged.
    """
    flat = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    about = {"facts": facts, "belongs_to": owner}
    header = {**about, "checksum": _checksum(flat, about)}
    with atomic(path) as temporary:
        save_file(flat, str(temporary), metadata={"state": json.dumps(header)})
        if path.exists():
            _keep(path, _beside(path, "previous"))


def belongs_to(mark: str, placement: Placement) -> dict[str, Any]:
    """Return the facts that must be equal for a state to be used again: fingerprint of the job, versions, device, …."""
    where = placement.describe()
    return {
        "fingerprint": mark,
        "versions": {name: versions()[name] for name in ("torch", "numpy")},
        **{key: where[key] for key in ("device", "precision", "compile", "threads")},
    }


def load_state(path: Path, owner: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read a state; return None if there is none.

    A damaged state is moved aside and the previous one is used, so that the steps between them are computed again.

    Raises:
        UserError: If the state was saved with other code, settings, device, precision, threads or versions.
    """
    for candidate in (path, _beside(path, "previous")):
        if not candidate.exists():
            continue
        try:
            tensors, facts, found = _read(candidate)
        except _Damaged as damage:
            aside = _beside(path, "damaged")
            os.replace(candidate, aside)
            line = f"drl: {candidate}: the saved state is damaged ({damage}); kept as {aside.name}, not used"
            print(" ".join(line.split()), file=sys.stderr, flush=True)
            continue
        _check_owner(candidate, json.loads(json.dumps(owner)), found)
        return tensors, facts
    return None


def facts_of(path: Path) -> dict[str, Any]:
    """Return the plain values of a state without reading its tensors; empty if it is damaged."""
    try:
        with open_tensors(path) as file:
            return _Header.model_validate_json((file.metadata() or {})["state"]).facts
    except (SafetensorError, OSError, KeyError, ValueError):
        return {}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    try:
        with open_tensors(path) as file:
            header = _Header.model_validate_json((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        checksum = _checksum(tensors, {"facts": header.facts, "belongs_to": header.belongs_to})
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise _Damaged(clean(error, 160)) from error
    if header.checksum != checksum:
        raise _Damaged("its checksum is wrong")
    return tensors, header.facts, header.belongs_to


def _check_owner(path: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    for key in sorted(set(wanted) | set(found)):
        if wanted.get(key) != found.get(key):
            saved, here = (clean(repr(of.get(key)), 100) for of in (found, wanted))
            raise UserError(
                f"{path}: the state was saved with {clean(key)} {saved} but this run has {here}; "
                f"run it as before, or remove {path.parent} to start again"
            )


def _keep(path: Path, previous: Path) -> None:
    previous.unlink(missing_ok=True)
    try:
        os.link(path, previous)
    except OSError:  # no hard links here
        os.replace(path, previous)


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.stem}.{word}{path.suffix}")


def _checksum(tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(canonical_json(about).encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
