"""AE: an autoencoder with the encoder of DRL (paper section 3.1; authors' code, recon-only mode)."""

from __future__ import annotations

from drl.methods.codes import DeterministicCode
from drl.methods.reconstruction import Reconstruction


class Objective(DeterministicCode, Reconstruction):
    """Reconstruction + lambda |z|_1."""
