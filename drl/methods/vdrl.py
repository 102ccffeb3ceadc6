"""VDRL: a Gaussian code with a KL penalty (paper section 2.1)."""

from __future__ import annotations

from drl.methods.codes import GaussianCode
from drl.methods.conditional import ConditionalScoreMatching


class Objective(GaussianCode, ConditionalScoreMatching):
    """Conditional score matching + lambda KL."""
