"""Copy the host's decisions about a batch to the device without waiting for it."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy a small tensor to the device that computes; where it is on that device, it is returned as it is.

    On CUDA it goes through page-locked memory: such a copy is queued behind the device's work, while with other memory
    the host would wait.
    """
    queued = values.device.type == "cpu" and device.type == "cuda"
    return values.pin_memory().to(device, non_blocking=True) if queued else values.to(device)
