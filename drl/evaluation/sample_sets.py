"""Names of tensors in a file of samples: one for each repeat, prior and t_init."""

from __future__ import annotations


def sample_name(repeat: int, prior: str, t_init: float) -> str:
    """Return the name of the samples of one cell of Figure 13 and Table 6."""
    return f"{repeat}/{prior}/{t_init:g}"
