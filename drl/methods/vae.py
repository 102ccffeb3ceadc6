"""VAE: a variational autoencoder with the encoder of VDRL (paper section 3.1; authors' code, recon-only mode)."""

from __future__ import annotations

from drl.methods.codes import GaussianCode
from drl.methods.reconstruction import Reconstruction


class Objective(GaussianCode, Reconstruction):
    """Reconstruction + lambda KL."""
