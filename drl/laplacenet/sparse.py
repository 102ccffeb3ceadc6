"""Sparse matrices in compressed rows."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

# What is used of it, a product with a dense matrix and entries of a dense product, is tested here.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta", category=UserWarning)


def compressed_rows(counts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the matrix with these entries, row after row.

    Args:
        counts: int64 [H]: entries in each row.
        columns: Integers [E]; their type is that of the matrix's indices.
        values: [E].
        shape: Height H and width.
    """
    ends = counts.cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends]).to(columns.dtype)
    return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)
