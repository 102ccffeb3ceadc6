"""DRL: a deterministic code with an L1 penalty (paper Eq. 8)."""

from __future__ import annotations

from drl.methods.codes import DeterministicCode
from drl.methods.conditional import ConditionalScoreMatching


class Objective(DeterministicCode, ConditionalScoreMatching):
    """Conditional score matching + lambda |z|_1."""
