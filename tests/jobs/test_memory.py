import os
import subprocess
import sys

import pytest

from drl.jobs import memory

# It prints how it was started, and how often the system gave it a page while it used memory again and again.
CODE = """
import os, resource, sys
from drl.jobs.memory import start_with_large_pages
start_with_large_pages()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    for _ in range(20):
        kept = [bytearray(2**21) for _ in range(20)]
use()
before = faults()
use()
print(os.environ.get("GLIBC_TUNABLES"), os.getpid(), sys.argv[1:], sys.stdin.read(), faults() - before, sep="|")
"""


def run(**variables):
    env = {name: value for name, value in os.environ.items() if name != memory.VARIABLE} | variables
    started = subprocess.Popen(
        [sys.executable, "-c", CODE, "a word", "--help"],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    out, _ = started.communicate("input", timeout=60)
    tunables, pid, words, read, faults = out.strip().split("|")
    assert (started.returncode, int(pid), words, read) == (0, started.pid, "['a word', '--help']", "input")
    return tunables, int(faults)


@pytest.mark.skipif(sys.platform != "linux" or not memory._is_glibc(), reason="needs glibc")
def test_memory_is_used_again_instead_of_given_back():
    settings, few = run()
    assert settings == memory.SETTINGS
    own, many = run(GLIBC_TUNABLES="glibc.malloc.check=0")
    assert own == "glibc.malloc.check=0"  # the user's settings stay
    # 20 rounds of 40 MB: 10,000 pages each, if they are given back.
    assert few < 1000 < 100_000 < many


def test_elsewhere_nothing_is_started_again(monkeypatch):
    monkeypatch.delenv(memory.VARIABLE, raising=False)
    monkeypatch.setattr(os, "execv", lambda *words: pytest.fail("started again"))
    monkeypatch.setattr(memory, "_is_glibc", lambda: False)
    memory.start_with_large_pages()
    monkeypatch.setattr(memory, "_is_glibc", lambda: True)
    monkeypatch.setattr(sys, "platform", "darwin")
    memory.start_with_large_pages()
    assert memory.VARIABLE not in os.environ


@pytest.mark.skipif(sys.platform != "linux" or not memory._is_glibc(), reason="needs glibc")
def test_a_process_that_cannot_be_started_again_goes_on(monkeypatch):
    def refuse(*words):
        raise OSError("no memory")

    monkeypatch.setenv(memory.VARIABLE, "")  # so that it is restored
    monkeypatch.delenv(memory.VARIABLE)
    monkeypatch.setattr(os, "execv", refuse)
    memory.start_with_large_pages()
