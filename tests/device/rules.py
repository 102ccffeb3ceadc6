"""What CUDA refuses, and what makes the host wait for it, told from an operation's name and arguments.

An operation that is not listed is taken for one that is queued: nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

# The host needs a number, or the size of a result.
READS = frozenset({
    "_local_scalar_dense", "is_nonzero", "equal", "nonzero", "nonzero_numpy", "masked_select", "bincount",
    "histc", "isin", "unique_dim", "unique_consecutive", "_unique", "_unique2", "unique_dim_consecutive",
    "_linalg_eigh", "linalg_eig", "_linalg_svd", "_linalg_check_errors", "linalg_lstsq", "multinomial"
})  # fmt: skip
# Views, sizes and memory: nothing runs on the device.
NO_KERNEL = frozenset({
    "detach", "alias", "view", "_unsafe_view", "_reshape_alias", "as_strided", "expand", "permute", "transpose",
    "t", "slice", "select", "unsqueeze", "squeeze", "split", "split_with_sizes", "unbind", "diagonal", "unfold",
    "view_as_real", "lift_fresh", "empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided",
    "resize_", "set_", "crow_indices", "col_indices", "values", "ccol_indices", "row_indices", "is_pinned",
    "sym_size"
})  # fmt: skip
COPIES = frozenset({"copy_", "_to_copy"})
# Accepted with indices of the CPU, which are copied first.
INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"})
# A tensor of the CPU without dimensions is read as a number by operations on elements, but not by these.
NO_NUMBERS = frozenset({
    "cat", "stack", "mm", "bmm", "addmm", "baddbmm", "convolution", "index_select", "gather", "scatter",
    "scatter_", "scatter_add", "scatter_add_", "index_add", "index_add_", "index_copy", "index_copy_",
    "embedding", "native_batch_norm", "native_group_norm", "sort", "topk", "_fused_adam_", "_fused_sgd_"
})  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """An operation before it runs.

    Attributes:
        name: As in ATen: `add_`.
        args: Its arguments by position.
        kwargs: And by name.
        device: Its tensors on the device.
        host: Its tensors on the CPU.
        sources: The devices of its generators.
        asked: The device that it is told to make a tensor on.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    device: list[Tensor]
    host: list[Tensor]
    sources: list[torch.device]
    asked: torch.device | None

    @property
    def runs_on(self) -> str:
        """The kind of device that it runs on: that of a tensor, else the one it is told."""
        return "cuda" if self.device or (self.asked is not None and self.asked.type == "cuda") else "cpu"


def refuse(operation: Operation) -> None:
    """Raise what torch raises for tensors or generators of the wrong device.

    Raises:
        RuntimeError: In the words of torch.
    """
    name, kind = operation.name, operation.runs_on
    for source in operation.sources:
        if source.type != kind:
            raise RuntimeError(f"{name}: Expected a '{kind}' device type for generator but found '{source.type}'")
    if not operation.device or name in COPIES:
        return
    written = operation.args[0] if operation.args else None
    if name.endswith("_") and _on_host(written, operation):
        raise RuntimeError(f"{name}: a tensor of the CPU cannot take the result of tensors on cuda:0")
    for tensor in operation.host:
        is_number = tensor.dim() == 0 and name not in NO_NUMBERS
        if not is_number and not _may_stay(tensor, operation):
            raise RuntimeError(
                f"{name}: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu"
            )


def _may_stay(tensor: Tensor, operation: Operation) -> bool:
    """Return whether a tensor of the CPU is an index, or the number that is assigned to indexed places."""
    if operation.name not in INDEXING or tensor is operation.args[0]:
        return False
    return len(operation.args) < 3 or tensor is not operation.args[2] or tensor.numel() == 1


def wait(operation: Operation) -> str | None:
    """Return why the host waits for the device at an operation, or None."""
    name, args = operation.name, operation.args
    if name == "_to_copy":
        return "copy from memory that is not page-locked" if operation.host else None
    if name == "copy_":
        return _wait_of_copy(operation)
    if not operation.device:
        return None
    if name in READS:
        return name
    if name == "repeat_interleave" and operation.kwargs.get("output_size") is None:
        return "the size of repeat_interleave"
    if name in INDEXING:
        indices = [index for index in args[1] if index is not None]
        if any(_on_host(index, operation) for index in indices):
            return "index of the CPU"
        assigns_number = name != "index" and len(args) > 2 and _on_host(args[2], operation)
        if any(index.dtype in (torch.bool, torch.uint8) for index in indices) and not assigns_number:
            return "the size of a mask's choice"
    return None


def _wait_of_copy(operation: Operation) -> str | None:
    target, source = operation.args[:2]
    if _on_host(target, operation) == _on_host(source, operation):
        return None
    if _on_host(target, operation):
        return "copy to the CPU"
    queued = len(operation.args) > 2 and operation.args[2] and getattr(source, "pinned", False)
    return None if queued else "copy from memory that is not page-locked"


def _on_host(value: object, operation: Operation) -> bool:
    return any(value is tensor for tensor in operation.host)
