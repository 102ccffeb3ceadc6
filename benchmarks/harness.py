"""What the benchmarks share: options, timing, images, and how results are written."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

R = TypeVar("R")


def command_line(description: str | None, threads: str | None = None) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have.

    Args:
        description: The script's docstring.
        threads: `+` if several numbers of threads can be compared.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: a GPU if there is one"
    )
    how = (
        "numbers of CPU threads to compare (default: 1 and all)" if threads else "CPU threads (default: torch's choice)"
    )
    parser.add_argument("--threads", type=int, nargs=threads, help=how)
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser


def write(report: Mapping[str, Any], out: Path | None) -> None:
    """Write a report as JSON, if a file was asked for."""
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def seconds(work: Callable[[], R], device: torch.device) -> tuple[float, R]:
    """Time one call, on a GPU until it has finished; return the time and the call's result."""
    _synchronize(device)
    start = time.perf_counter()
    result = work()
    _synchronize(device)
    return time.perf_counter() - start, result


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def smooth_images(n: int, size: int) -> Tensor:
    """Return random smooth colour images, uint8 [n, 3, size, size]."""
    coarse = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return (255 * images).to(torch.uint8)
