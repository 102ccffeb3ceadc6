"""Sparse matrices in compressed rows."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

# What is used of it, a product with a dense matrix and entries of a dense product, is tested here.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta", category=UserWarning)


def compressed_rows(rows: Tensor, columns: Tensor, values: Tensor, n: int) -> Tensor:
    """Return the [n, n] matrix with these entries.

    Args:
        rows: int64 [E], ascending.
        columns: Integers [E]; their type is that of the matrix's indices.
        values: [E].
        n: Height and width.
    """
    ends = torch.bincount(rows, minlength=n).cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends]).to(columns.dtype)
    return torch.sparse_csr_tensor(starts, columns, values, (n, n), check_invariants=False)
