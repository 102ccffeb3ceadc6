"""Slots with stand-in GPUs: many processes, never two in one slot, never a slot lost."""

import subprocess
import sys
import time

from drl.gpu_slots import gpu_slot

WORK = """
import sys, time
from pathlib import Path
from drl.gpu_slots import gpu_slot
import drl.gpu_slots
drl.gpu_slots.POLL_SECONDS = 0.01
folder = Path(sys.argv[1])
with gpu_slot("auto", ["0", "1"], folder) as gpu:
    mine = folder / f"in-{gpu}"
    mine.touch(exist_ok=False)
    import os
    assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu
    time.sleep(float(sys.argv[2]))
    mine.unlink()
    print(gpu)
"""


def start(folder, seconds):
    command = [sys.executable, "-c", WORK, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_many_processes_share_two_gpus_one_each(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    jobs = [start(tmp_path, 0.05) for _ in range(10)]
    used = []
    for job in jobs:
        out, err = job.communicate(timeout=60)
        assert job.returncode == 0, err
        used.append(out.strip())
    assert set(used) == {"0", "1"}


def test_a_killed_process_gives_its_slot_back(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    holders = [start(tmp_path, 60) for _ in range(2)]
    end = time.monotonic() + 30
    while len(list(tmp_path.glob("in-*"))) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    for holder in holders:
        holder.kill()
        holder.wait()
    with gpu_slot("auto", ["0", "1"], tmp_path) as first, gpu_slot("cpu", ["0"], tmp_path) as second:
        assert (first, second) == ("0", None)


def test_a_choice_already_made_is_trusted(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with gpu_slot("auto", ["0"], tmp_path) as gpu:
        assert gpu is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with gpu_slot("auto", ["0"], tmp_path) as gpu:
        assert gpu is None
