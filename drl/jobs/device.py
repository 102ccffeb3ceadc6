"""Where a job computes: device, threads, precision, compiler. Nothing here changes results by more than rounding."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from drl.config.networks import UNet, WideResNetSettings
from drl.config.recipes import Recipe
from drl.errors import UserError
from drl.jobs import bfloat16
from drl.jobs.compiler import compiles, why_not
from drl.jobs.job import Resources

# Networks with at least this many channels count as the paper's size; on a CPU, smaller ones were slower in bf16.
PAPER_SIZE_CHANNELS = 16


@dataclass(frozen=True)
class Placement:
    """Where and in which precision a job computes.

    Attributes:
        device: The device.
        precision: fp32, or bf16 in autocast.
        compile: Whether a training compiles its objective.
        threads: CPU threads.
        graphs: auto, on or off: whether a training replays its steps as CUDA graphs; see drl.training.graphed.
    """

    device: torch.device
    precision: Literal["fp32", "bf16"]
    compile: bool
    threads: int
    graphs: str = "off"

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        """Return the context in which networks run."""
        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def describe(self) -> dict[str, object]:
        """Return plain values for cards and states."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else _cpu_name()
        return {
            "device": self.device.type,
            "device_name": name,
            "precision": self.precision,
            "compile": self.compile,
            "threads": self.threads,
        }


def place(
    device: str = "auto",
    precision: str = "auto",
    compile: str = "auto",
    threads: int | None = None,
    channels: int = 0,
    passes: int = 0,
    deterministic: bool = False,
    graphs: str = "off",
) -> Placement:
    """Choose device, precision and compiler, and limit this process to its threads.

    Args:
        device: auto, cpu or cuda.
        precision: auto, fp32 or bf16. auto: bf16 on CUDA, and for networks of the paper's size on a CPU that is faster
            in bf16, which is measured (drl/jobs/bfloat16.py).
        compile: auto, on or off. auto: on CUDA, where it works, if there are enough passes for it to pay.
        threads: The most threads to use; None: torch's choice.
        channels: Channels at full resolution, from `network_channels`, which decide the size; 0: no large network.
        passes: How often the job runs its network.
        deterministic: On CUDA, use only operations that give the same result each time, where torch has one.
        graphs: auto, on or off; a CPU has none.

    Raises:
        UserError: If CUDA is requested and there is no CUDA device, or torch.compile is and does not work.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("run.device: cuda was asked for but there is no CUDA device; use auto or cpu")
    kind = "cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu"
    if precision == "auto":
        # V100 and T4 emulate it, which is slower than fp32.
        native = kind == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        on_a_cpu = kind == "cpu" and channels >= PAPER_SIZE_CHANNELS and bfloat16.pays()
        precision = "bf16" if native or on_a_cpu else "fp32"
    # With fp32, switch TF32 off: convolutions would silently round to 10 bits of mantissa.
    torch.backends.cudnn.allow_tf32 = precision != "fp32"
    if kind == "cuda" and deterministic:
        # Read when cuBLAS is first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
    compiled = compiles(kind, passes) if compile == "auto" else compile == "on"
    if compile == "on" and (reason := why_not(kind)):
        raise UserError(f"run.compile: on, but torch.compile does not work here ({reason}); use auto or off")
    return Placement(torch.device(kind), precision, compiled, torch.get_num_threads(), graphs)  # type: ignore[arg-type]


def place_job(resources: Resources, channels: int = 0, passes: int | None = None) -> Placement:
    """Choose as `place`, from a job's resources.

    Args:
        resources: The job's.
        channels: As for `place`.
        passes: How often the job runs the network that it can compile; None: it can compile none.
    """
    precision, compile = resources.precision, "off" if passes is None else resources.compile
    return place(
        resources.device,
        precision,
        compile,
        resources.threads,
        channels,
        passes or 0,
        resources.deterministic,
        resources.graphs,
    )


def network_channels(recipe: Recipe) -> int:
    """Return the channels at full resolution of a recipe's score network or decoder, which decide its size.

    For a recipe without either, it is half the channels of its WideResNet's first group: 16 for the paper's WRN-28-2.
    """
    network = recipe.score or recipe.decoder
    if isinstance(network, UNet):
        return network.nf
    return 8 * recipe.encoder.width if isinstance(recipe.encoder, WideResNetSettings) else 0


def peak_memory_bytes(device: torch.device) -> int:
    """Return the most memory used so far: of the GPU on CUDA, else of this process."""
    used = memory_used(device)
    return used.get("peak_gpu_memory_bytes", used["peak_memory_bytes"])


def memory_used(device: torch.device) -> dict[str, int]:
    """Return, for a card, the most memory that this process has used so far and, on CUDA, the most GPU memory.

    GPU memory is all that torch reserved, which other processes cannot use, and not only that of tensors.
    """
    import resource

    used = {"peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    if device.type == "cuda":
        used["peak_gpu_memory_bytes"] = int(torch.cuda.max_memory_reserved(device))
    return used


def has_amx() -> bool:
    """Return whether this CPU has tiles for matrix products in bfloat16."""
    try:
        return "amx_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "CPU"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "CPU"
