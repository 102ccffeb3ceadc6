"""Sparse matrices in compressed rows."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

# The tests cover the two operations used here: a product with a dense matrix, and entries of a dense product.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta", category=UserWarning)


def compressed_rows(counts: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return the matrix with these entries, row after row.

    Args:
        counts: int64 [H], number of entries in each row.
        columns: Integers [E]; the matrix's indices have the same type.
        values: [E].
        shape: Height H and width.
    """
    ends = counts.cumsum(0)
    starts = torch.cat([ends.new_zeros(1), ends]).to(columns.dtype)
    return torch.sparse_csr_tensor(starts, columns, values, shape, check_invariants=False)
