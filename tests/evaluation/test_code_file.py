"""Codes are written on space that is reserved first, and what is done is kept when the disk becomes full."""

import errno
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.lib.format import open_memmap

from drl.errors import UserError
from drl.evaluation import code_file as module
from drl.evaluation.code_file import code_file
from drl.files import FULL

NAMES = [f"{k}.png" for k in range(1000)]


def write(out, shape=(1000, 7), names=None, until=None):
    """Write rows of increasing numbers, 300 at a time; from row `until` on the disk is full."""
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    with code_file(out, out.with_suffix(".csv"), names or NAMES[: shape[0]], shape) as codes:
        for start in range(0, shape[0], 300):
            if until is not None and start >= until:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            codes.write(values[start : start + 300])
    return values


@pytest.mark.parametrize("shape", [(1000, 7), (1, 1), (12, 3, 5), (999, 128)])
def test_bytes_are_those_of_a_mapped_array(shape, tmp_path):
    values = write(tmp_path / "codes.npy", shape)
    mapped = open_memmap(tmp_path / "mapped.npy", mode="w+", dtype=np.float32, shape=shape)
    mapped[:] = values
    mapped.flush()
    assert (tmp_path / "codes.npy").read_bytes() == (tmp_path / "mapped.npy").read_bytes()


@pytest.mark.parametrize("shape", [(1000, 7), (1000, 2, 3)])
def test_what_is_done_when_the_disk_becomes_full_is_kept_and_named(shape, tmp_path):
    out = tmp_path / "codes.npy"
    out.write_bytes(b"old")
    said = (
        f"{out}: cannot be written, the disk is full; {tmp_path / 'codes.part.npy'} and {tmp_path / 'codes.part.csv'} "
        "hold the first 600 of 1,000 codes; make room and run the same command again"
    )
    with pytest.raises(UserError, match=f"^{re.escape(said)}$"):
        write(out, shape, until=600)
    kept = np.load(tmp_path / "codes.part.npy")
    assert np.array_equal(kept, np.arange(np.prod(shape), dtype=np.float32).reshape(shape)[:600])
    assert pd.read_csv(tmp_path / "codes.part.csv").to_numpy().tolist() == [[k, NAMES[k]] for k in range(600)]
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes.npy", "codes.part.csv", "codes.part.npy"]


@pytest.mark.parametrize("number", FULL)
def test_no_room_is_said_before_anything_is_computed(number, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, "posix_fallocate", full)
    with pytest.raises(UserError, match=rf"codes\.npy: cannot be written, {re.escape(FULL[number])}; make room"):
        write(tmp_path / "codes.npy")
    assert not list(tmp_path.iterdir())


def test_a_file_system_that_cannot_reserve_is_written_to(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(module.os, "posix_fallocate", refuse)
    write(tmp_path / "codes.npy")
    monkeypatch.delattr(module.os, "posix_fallocate")
    write(tmp_path / "other.npy")
    assert (tmp_path / "codes.npy").read_bytes() == (tmp_path / "other.npy").read_bytes()


def test_a_real_disk_of_one_megabyte_kills_nothing(tmp_path):
    """The process of an array that is mapped dies here (SIGBUS)."""
    code = (
        "import sys, numpy as np; from pathlib import Path; from drl.evaluation.code_file import code_file\n"
        "out = Path(sys.argv[1]) / 'codes.npy'\n"
        "with code_file(out, out.with_suffix('.csv'), ['x'] * 4000, (4000, 128)) as codes:\n"
        "    codes.write(np.zeros((4000, 128), np.float32))\n"
    )
    mount = f'mount -t tmpfs -o size=1m none {tmp_path} && echo ready && exec {sys.executable} -c "$1" {tmp_path}'
    done = subprocess.run(["unshare", "--mount", "sh", "-c", mount, "sh", code], capture_output=True, text=True)
    if "ready" not in done.stdout:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("codes.npy: cannot be written, the disk is full; make room and run the same command again")
    )


def test_a_limit_of_file_sizes_is_said(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    try:
        with pytest.raises(UserError, match="files may not become as large here"):
            write(tmp_path / "codes.npy", (1000, 128))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
