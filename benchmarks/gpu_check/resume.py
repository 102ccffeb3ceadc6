"""A training that is saved, loaded twice and continued: whether the results are equal, in each mode."""

from __future__ import annotations

import os
from typing import Any

import torch

from benchmarks.gpu_check.step import Where
from benchmarks.gpu_check.subjects import advance, equal, pretraining, weights
from drl.training.state import belongs_to, load_state, save_state

STEPS = 6  # before and after the state is saved; enough for a capture on both sides


def resume(where: Where) -> dict[str, Any]:
    """Compare the end of a training with those of two that continue from its middle."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    found: dict[str, Any] = {}
    for mode in ("default", "deterministic"):
        torch.use_deterministic_algorithms(mode == "deterministic", warn_only=True)
        # A CPU has no graphs.
        for graphs in ("off", "on") if where.device == "cuda" else ("off",):
            label = f"{mode}, graphs" if graphs == "on" else mode
            found[f"{label}, equal"] = _continues(where, graphs)
    return found


def _continues(where: Where, graphs: str) -> bool:
    training = pretraining(where, "drl", graphs=graphs)
    for _ in range(STEPS):
        advance(training)
    path, owner = where.folder / "state", belongs_to("gpu check", training.placement)
    save_state(path, training.tensors(), training.facts(), owner)
    for _ in range(STEPS):
        advance(training)
    end = weights(training)
    for _ in range(2):
        other, state = pretraining(where, "drl", graphs=graphs), load_state(path, owner)
        assert state is not None
        other.load(*state)
        for _ in range(STEPS):
            advance(other)
        if not equal(weights(other), end):
            return False
    return True
