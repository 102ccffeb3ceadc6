"""Tests of the paper's theory on data with a known score: Eq. 6 (App. B), the kernels, Proposition 2.1 (App. C)."""
