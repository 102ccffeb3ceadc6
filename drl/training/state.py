"""The saved state of an unfinished training: written whole or not at all, and read back only if it is this training's.

A state is one safetensors file: tensors, and in its header what it belongs to. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from drl.device import Placement
from drl.errors import UserError
from drl.files import atomic
from drl.provenance import versions


def save_state(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], owner: Mapping[str, Any]) -> None:
    """Write a state atomically.

    Args:
        path: Where.
        tensors: Weights, moments, generator states.
        facts: Plain values: step, rows of the logs.
        owner: What must be equal for the state to be used again; see `belongs_to`.
    """
    flat = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    header = {"facts": facts, "belongs_to": owner, "checksum": _checksum(flat)}
    with atomic(path) as temporary:
        save_file(flat, str(temporary), metadata={"state": json.dumps(header)})


def belongs_to(mark: str, placement: Placement) -> dict[str, Any]:
    """Return what must be equal for a state to be used again: the job's fingerprint, versions, kind of device, …."""
    where = placement.describe()
    return {
        "fingerprint": mark,
        "versions": {name: versions()[name] for name in ("torch", "numpy")},
        **{key: where[key] for key in ("device", "precision", "compile", "threads")},
    }


def load_state(path: Path, owner: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Read a state back, or None where there is none.

    Raises:
        UserError: If the file is damaged, or was saved by other code, settings, device, precision, threads or versions.
    """
    if not path.exists():
        return None
    remedy = f"remove {path.parent} to start again"
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
        facts, found, checksum = header["facts"], header["belongs_to"], header["checksum"]
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: the saved state is damaged ({error}); {remedy}") from error
    if checksum != _checksum(tensors):
        raise UserError(f"{path}: the saved state is damaged (its checksum is wrong); {remedy}")
    wanted = json.loads(json.dumps(owner))
    for key in sorted(set(wanted) | set(found)):
        if wanted.get(key) != found.get(key):
            raise UserError(
                f"{path}: the state was saved with {key} {found.get(key)!r} but this run has {wanted.get(key)!r}; "
                f"run it as before, or {remedy}"
            )
    return tensors, facts


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
