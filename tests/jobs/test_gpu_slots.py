"""Slots with stand-in GPUs: many processes, never more than slots on a GPU, never a slot lost."""

import errno
import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.errors import Unfinished, UserError
from drl.jobs import gpu_slots
from drl.jobs.gpu_slots import gpu_slot, visible_gpus

HERE = f"process {os.getpid()} on {socket.gethostname()}"

# Takes a slot so many times, holds it for about so many seconds, and writes when it came and went.
JOB = """
import os, random, sys, time
from pathlib import Path
from drl.errors import Unfinished, UserError
from drl.jobs import gpu_slots
if "FILES_ALONE" in os.environ:  # as between containers, which do not see each other's sockets
    gpu_slots.sys.platform = "other"
folder, log, gpus, slots, rounds, seconds = sys.argv[1:7]
gpu_slots.POLL_SECONDS, gpu_slots.PATIENCE_SECONDS = 0.005, float(sys.argv[7])
log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def note(what, gpu):
    os.write(log, f"{what} {gpu} {os.getpid()} {time.monotonic_ns()}\\n".encode())
for _ in range(int(rounds)):
    with gpu_slots.gpu_slot("auto", int(slots), gpus.split(","), Path(folder)) as gpu:
        note("enter", gpu)
        assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu
        time.sleep(float(seconds) * random.uniform(0.5, 1.5))
        note("leave", gpu)
assert "torch" not in sys.modules
"""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "DRL_GPU", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(gpu_slots, "POLL_SECONDS", 0.005)


@pytest.fixture(autouse=True)
def no_endless_wait():
    """A lost slot fails its test, which would wait for it for ever."""

    def stop(*_):
        raise TimeoutError("a slot was lost")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)


class Machine:
    """A folder of lock files, and the jobs that use it."""

    def __init__(self, folder, gpus, slots):
        self.locks, self.log = folder / "locks", folder / "log"
        self.gpus, self.slots = gpus, slots
        self.log.touch()

    def start(self, rounds=1, seconds=0.02, patience=60.0, script=JOB, **environment):
        words = [self.locks, self.log, ",".join(self.gpus), self.slots, rounds, seconds, patience]
        command = [sys.executable, "-c", script, *map(str, words)]
        # These jobs are no part of the one that runs the tests, which may hold a slot.
        env = {**os.environ, "DRL_GPU": "", **environment}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def events(self):
        return [(what, gpu, int(pid), int(at)) for what, gpu, pid, at in map(str.split, self.log.open())]

    def wait_for(self, entered):
        end = time.monotonic() + 30
        while len(self.events()) < entered:
            assert time.monotonic() < end, "no job came in"
            time.sleep(0.005)

    def most_at_once(self, killed):
        """Return for each GPU the most jobs that held it at one time; a killed job's hold ends when it was killed."""
        changes, inside = [], {}
        for what, gpu, pid, at in self.events():
            changes.append((at, 1 if what == "enter" else -1, gpu))
            inside[pid] = gpu if what == "enter" else None
        changes += [(killed[pid], -1, gpu) for pid, gpu in inside.items() if gpu is not None]
        now, most = dict.fromkeys(self.gpus, 0), dict.fromkeys(self.gpus, 0)
        for _, change, gpu in sorted(changes):
            now[gpu] += change
            most[gpu] = max(most[gpu], now[gpu])
        return most

    def free(self):
        """Take every slot at once, give them back, and return how many there were of each GPU."""
        taken = []
        for _ in range(len(self.gpus) * self.slots):
            os.environ.pop("DRL_GPU", None)
            slot = gpu_slot("auto", self.slots, self.gpus, self.locks)
            taken.append((slot.__enter__(), slot))
        for _, slot in reversed(taken):
            slot.__exit__(None, None, None)
        return {gpu: sum(name == gpu for name, _ in taken) for gpu in self.gpus}


@pytest.mark.parametrize("cleaned", [False, True])
def test_many_processes_never_share_a_slot_and_lose_none(tmp_path, cleaned):
    """Eight of them are killed; what tidies /tmp may come at any time, at worst."""
    gpus, slots = ["0", "1"], 2
    machine, chance, killed = Machine(tmp_path, gpus, slots), random.Random(0), {}
    jobs = [machine.start(rounds=4, **({} if cleaned else {"FILES_ALONE": "1"})) for _ in range(24)]
    while len(killed) < 8:
        for file in machine.locks.glob("*.lock") if cleaned else ():
            file.unlink(missing_ok=True)
        inside = {}
        for what, _, pid, _ in machine.events():
            inside[pid] = what == "enter"
        holders = [job for job in jobs if inside.get(job.pid) and job.pid not in killed and job.poll() is None]
        if holders:
            victim = chance.choice(holders)
            killed[victim.pid] = time.monotonic_ns()
            victim.kill()
        assert holders or any(job.poll() is None for job in jobs), "all ended before eight were killed"
        time.sleep(0.01)
    for job in jobs:
        _, err = job.communicate(timeout=60)
        assert job.returncode == (-signal.SIGKILL if job.pid in killed else 0), err
    most = machine.most_at_once(killed)
    assert most == dict.fromkeys(gpus, slots), "all slots were in use at some time, and no more"
    assert machine.free() == dict.fromkeys(gpus, slots)
    assert not list(machine.locks.iterdir()), "nothing is left lying about"


@settings(max_examples=60)
@given(
    gpus=st.integers(1, 4),
    slots=st.integers(1, 3),
    choices=st.lists(st.tuples(st.booleans(), st.integers(0, 11)), max_size=24),
)
def test_a_job_gets_the_gpu_that_fewest_share(gpus, slots, choices):
    names = [str(number) for number in range(gpus)]
    held = []
    # The slots are given back in any order, so the last one may restore another one's variables.
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        for comes, which in choices:
            if comes and len(held) < gpus * slots:
                os.environ.pop("DRL_GPU", None)
                busy = {name: sum(gpu == name for gpu, _ in held) for name in names}
                slot = gpu_slot("auto", slots, names, Path(folder))
                gpu = slot.__enter__()
                assert busy[gpu] == min(busy.values())
                held.append((gpu, slot))
            elif not comes and held:
                held.pop(which % len(held))[1].__exit__(None, None, None)
        for _, slot in held:
            slot.__exit__(None, None, None)


def test_who_waits_says_so_once_and_goes_on(tmp_path):
    machine = Machine(tmp_path, ["0"], 1)
    with gpu_slot("auto", 1, ["0"], machine.locks):
        waiting = machine.start(patience=0.03)
        line = waiting.stderr.readline()
        assert line == f"waiting for a free GPU: jobs hold all of 0: {HERE}\n"
        time.sleep(0.1)
        assert not machine.events()
    _, rest = waiting.communicate(timeout=30)
    assert (waiting.returncode, rest) == (0, "")
    assert [what for what, *_ in machine.events()] == ["enter", "leave"]


def test_no_wait_is_endless(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_slots.lock, "LONGEST_SECONDS", 0.02)
    said = f"stopped while waiting for a free GPU: jobs hold all of 0: {HERE}; run the same command to go on"
    with gpu_slot("auto", 1, ["0"], tmp_path):
        # This process holds the slot, as another one would.
        os.environ.pop("DRL_GPU")
        with pytest.raises(Unfinished, match=said), gpu_slot("auto", 1, ["0"], tmp_path):
            pass


def test_a_lock_file_that_is_deleted_while_held_lets_nobody_in(tmp_path):
    machine = Machine(tmp_path, ["0"], 1)
    with gpu_slot("auto", 1, ["0"], machine.locks):
        for file in machine.locks.iterdir():
            file.unlink()
        waiting = machine.start(patience=0.03)
        assert waiting.stderr.readline().startswith("waiting")
        assert not machine.events()
    waiting.communicate(timeout=30)
    assert waiting.returncode == 0


def test_a_lock_file_that_vanishes_before_it_is_locked_is_no_lock(tmp_path, monkeypatch):
    real, calls = fcntl.flock, []

    def late(file, how):
        if not calls:
            next(tmp_path.iterdir()).unlink()
        calls.append(file)
        real(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with gpu_slot("auto", 1, ["0"], tmp_path):
        assert len(calls) == 2
        assert len(list(tmp_path.iterdir())) == 1


def test_a_child_by_fork_does_not_keep_its_dead_parents_slot(tmp_path):
    machine = Machine(tmp_path, ["0"], 1)
    child = '(time.sleep(10), note("end", gpu), os._exit(0))'
    fork = JOB.replace('note("enter", gpu)', f'child = os.fork() or {child}; note("enter", child)')
    parent = machine.start(seconds=60, script=fork)
    machine.wait_for(1)
    ((_, child, _, _),) = machine.events()
    parent.kill()
    parent.wait()
    assert machine.free() == {"0": 1}
    assert [what for what, *_ in machine.events()] == ["enter"], "the slot was freed by the child's end"
    os.kill(int(child), signal.SIGKILL)


def test_a_process_of_a_job_shares_its_gpu(tmp_path):
    with gpu_slot("auto", 1, ["0"], tmp_path) as first, gpu_slot("auto", 1, folder=tmp_path) as second:
        assert first == second == "0"


@pytest.mark.parametrize("before", [None, "1,0"])
def test_the_callers_choice_is_restored(tmp_path, monkeypatch, before):
    if before is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)

    def fail_with_a_slot():
        with gpu_slot("auto", 1, None if before else ["1", "0"], tmp_path) as gpu:
            assert os.environ["CUDA_VISIBLE_DEVICES"] == gpu == "1"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_with_a_slot()
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    assert "DRL_GPU" not in os.environ


@pytest.mark.parametrize(
    ("value", "gpus"),
    [
        ("0", ["0"]),
        (" 2, 0 ,2", ["2", "0"]),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,1", ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "1"]),
        ("MIG-GPU-8932f937/1/0", ["MIG-GPU-8932f937/1/0"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["1"]),
        ("NoDevFiles", []),
    ],
)
def test_the_gpus_are_those_that_cuda_would_see(monkeypatch, tmp_path, value, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == gpus
    with gpu_slot("auto", 1, folder=tmp_path) as gpu:
        assert gpu == (gpus[0] if gpus else None)


def test_nothing_is_taken_on_the_cpu_or_without_gpus(tmp_path):
    with gpu_slot("cpu", 1, ["0"], tmp_path) as first, gpu_slot("auto", 1, [], tmp_path) as second:
        assert (first, second) == (None, None)
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    assert not list(tmp_path.iterdir())


def test_slurm_jobs_number_their_gpus_for_themselves(tmp_path, monkeypatch):
    machine = Machine(tmp_path, ["0"], 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with gpu_slot("auto", 1, folder=machine.locks):
        other = machine.start(SLURM_JOB_ID="2", CUDA_VISIBLE_DEVICES="0")
        assert other.wait(timeout=30) == 0, other.stderr.read()
        same = machine.start(SLURM_JOB_ID="1", CUDA_VISIBLE_DEVICES="0", patience=0.03)
        assert same.stderr.readline().startswith("waiting")
    assert same.wait(timeout=30) == 0


@pytest.mark.parametrize("fault", ["file", "owner", "flock"])
def test_a_folder_that_cannot_hold_locks_is_named(tmp_path, monkeypatch, fault):
    folder = tmp_path / "locks"
    if fault == "file":
        folder.touch()
    elif fault == "owner":
        monkeypatch.setattr(os, "getuid", lambda: 4711)
    else:

        def no_locks(file, how):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(fcntl, "flock", no_locks)
    reason = {"file": "File exists", "owner": "belongs to another user", "flock": "No locks available"}[fault]
    with pytest.raises(UserError, match=reason) as raised, gpu_slot("auto", 1, ["0"], folder):
        pass
    assert str(raised.value).startswith(str(folder))
    assert "set TMPDIR" in str(raised.value)
    assert "\n" not in str(raised.value)
