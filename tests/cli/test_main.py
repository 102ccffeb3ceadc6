"""What the command line prints when a job fails for want of memory on the GPU."""

import sys

import click
import numpy as np
import pytest
import torch

from drl.cli import main

FULL = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79 GiB of which 11 MiB is free. "
    "If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF\nSee documentation"
)


def run(monkeypatch, error):
    @click.command()
    def failing():
        raise error

    monkeypatch.setattr(main, "cli", failing)
    monkeypatch.setattr(sys, "argv", ["drl"])
    main.main()


@pytest.mark.parametrize(
    ("error", "start"),
    [
        (torch.OutOfMemoryError(FULL), "drl: CUDA out of memory. Tried to allocate 20.00 MiB; "),
        (RuntimeError(f"backend='inductor' raised:\nOutOfMemoryError: {FULL}"), "drl: CUDA out of memory. Tried"),
        (
            torch.AcceleratorError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`"),
            "drl: CUDA error: out",
        ),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            "drl: CUDA error:",
        ),
    ],
)
def test_a_full_gpu_is_one_line_that_says_what_to_do(monkeypatch, capsys, error, start):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, error)
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith(start)
    assert all(word in line for word in ("run.gpu_slots: 1", "run.precision: bf16", "run.sampling_batch"))
    assert "would change its results" in line


def allocate(how):
    """Return what an allocation that no machine can give raises."""
    with pytest.raises((RuntimeError, MemoryError)) as raised:
        how()
    return raised.value


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda: torch.empty(10**15), "can't allocate memory"),
        (lambda: torch.empty(10**10, 10**10), "Storage size calculation overflowed"),
        (lambda: np.empty(10**15), "Unable to allocate"),
        (lambda: bytearray(10**15), "out of memory; this needs more"),
    ],
)
def test_too_little_memory_is_one_line_that_says_what_to_do(monkeypatch, capsys, how, said):
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, allocate(how))
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith("drl: ")
    assert said in line
    assert "image_size" in line
    assert len(line) < 600


def test_other_runtime_errors_keep_their_traceback(monkeypatch):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(monkeypatch, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_without_torch_nothing_is_looked_up(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(RuntimeError, match="other"):
        run(monkeypatch, RuntimeError("other"))
    assert "torch" not in sys.modules
