"""Jobs in forks of a preloaded server: from outside they are as plain processes. All processes are real.

A copy of the project runs Python code in place of `drl` commands, so that jobs can do and print anything.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from drl.jobs import environment, preloaded
from drl.jobs.preloaded import OFF, THREADS, VARIABLE
from tests.faults.processes import wait_for

ROOT = Path(__file__).resolve().parents[2]
MAIN = "import os\n\n\ndef main():\n    exec(compile(os.environ['DRL_CODE'], '<string>', 'exec'), {})\n"
# In place of Snakemake.
STARTS = (
    "from drl.jobs.environment import preload\nprint(preload().pid, os.environ['DRL_PRELOADED'], flush=True)\ninput()"
)
IN_A_FORK = "import sys; print('torch' in sys.modules)"


@dataclass
class Started:
    """A server in a copy of the project, and what started it."""

    folder: Path
    starter: subprocess.Popen[str]
    process: psutil.Process
    place: Path

    def job(self, code: str, *words: str, place: str | None = None, **more: object) -> subprocess.Popen[str]:
        """Start a job as a rule does."""
        variables = {"DRL_CODE": code, VARIABLE: place or str(self.place)} | dict.fromkeys(THREADS, "1")
        env = plain_environment(self.folder) | variables | more.pop("env", {})  # type: ignore[operator]
        command = [sys.executable, "-m", "drl", *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        more = {"cwd": self.folder, "text": True, **pipes, **more}
        return subprocess.Popen(command, env=env, **more)  # type: ignore[call-overload, no-any-return]

    def run(self, code: str, *words: str, **more: object) -> tuple[int, str, str]:
        """Run a job to its end; return its exit code and what it printed."""
        job = self.job(code, *words, **more)
        out, error = job.communicate(timeout=60)
        return job.returncode, out, error

    def waiting(self, then: str = "") -> tuple[subprocess.Popen[str], psutil.Process]:
        """Start a job that waits for the file `go`; return the process that asked for it, and its own."""
        (self.folder / "go").unlink(missing_ok=True)
        job = self.job(
            "import os, sys, time\n"
            "print(os.getpid(), flush=True)\n"
            "while not os.path.exists('go'): time.sleep(0.01)\n" + then
        )
        assert job.stdout is not None
        return job, psutil.Process(int(job.stdout.readline()))

    def go(self) -> None:
        """Let the jobs that wait go on."""
        (self.folder / "go").touch()


def plain_environment(folder: Path) -> dict[str, str]:
    """Return the environment of the server and of jobs."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DRL_", "PYTEST"))}
    return inherited | {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("preloaded")
    shutil.copytree(ROOT / "drl", folder / "drl", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "drl" / "cli" / "main.py").write_text(MAIN)
    starter = subprocess.Popen(
        [sys.executable, "-c", f"import os\n{STARTS}"],
        **{"cwd": folder, "env": plain_environment(folder), "text": True},
        **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE},
    )
    number, place = starter.stdout.readline().split()
    yield Started(folder, starter, psutil.Process(int(number)), Path(place))
    starter.kill()
    starter.communicate()


def test_the_libraries_are_there(server):
    assert server.run(IN_A_FORK) == (0, "True\n", "")
    assert server.run(IN_A_FORK, place=OFF) == (0, "False\n", "")
    assert server.process.num_threads() == 1


SAME = {
    "exit code": "import sys; sys.exit(7)",
    "message": "import sys; sys.exit('stopped')",
    "error": "print('so far'); raise ValueError('no')",
    "end of Python": "import atexit; atexit.register(print, 'the end')",
    "hard end": "import os; os._exit(75)",
    "files": "import os; os.write(2, b'two'); print('one'); print(sorted(os.listdir('/proc/self/fd'))[:4])",
    "words": "import sys; print(sys.argv, sys.orig_argv, sys.path, sys.flags)",
    "main module": "import __main__; print(__main__.__spec__.name, __main__.__file__, __main__.__package__)",
    "environment": "import os; print(sorted(item for item in os.environ.items() if not item[0].startswith(L)))",
    "place": "import os; mask = os.umask(0); print(os.getcwd(), mask, os.getpriority(0, 0), os.sched_getaffinity(0))",
    "signals": "import signal; print([(n, signal.getsignal(n)) for n in (1, 2, 10, 13, 15, 17)])",
    "mask": "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))",
    "limits": "import resource; print([resource.getrlimit(n) for n in range(16)])",
    "streams": "from sys import *; print([(f.encoding, f.errors, f.line_buffering) for f in (stdin, stdout, stderr)])",
    "threads": "import torch; print(torch.get_num_threads(), torch.get_num_interop_threads())",
    "pools": "import sklearn.svm, torch, threadpoolctl; print(sorted(map(str, threadpoolctl.threadpool_info())))",
    "draws": "import torch; torch.manual_seed(3); print(torch.randn(64, 64).mm(torch.ones(64, 64)).sum().item())",
    "killed": "import os; print('before', flush=True); os.kill(os.getpid(), 9)",
    "aborted": "import os; os.abort()",
    "terminated": "import os; os.kill(os.getpid(), 15)",
    "interrupted": "import signal\ntry: signal.raise_signal(2)\nexcept KeyboardInterrupt: print('interrupted')",
}


@pytest.mark.parametrize("name", SAME)
def test_from_outside_it_is_a_plain_process(name, server):
    code = SAME[name].replace("(L)", "(('DRL_PRELOADED', 'DRL_CODE', 'KMP', 'TORCHINDUCTOR'))")
    started = server.run(IN_A_FORK + "\n" + code, "probe", "--seed", "1")
    assert started[1].startswith("True\n") or name in ("hard end",), started
    plain = server.run(code, "probe", "--seed", "1", place=OFF)
    assert (started[0], started[1].removeprefix("True\n"), started[2].replace("line 2", "line 1")) == plain


def test_forks_draw_different_random_numbers_unless_they_are_seeded(server):
    code = "import numpy, random, torch; print(numpy.random.rand(), random.random(), torch.rand(1).item())"
    one, other = (server.run(code)[1].split() for _ in range(2))
    assert len({*one, *other}) == 6


@pytest.mark.parametrize(
    ("prints", "wanted", "more"),
    [
        ("os.getcwd()", "/", {"cwd": "/"}),
        ("os.umask(0)", "63", {"umask": 0o077}),
        ("os.environ['LANG']", "xy", {"env": {"LANG": "xy"}}),
        ("os.environ['OMP_NUM_THREADS']", "2", {"env": {"OMP_NUM_THREADS": "2"}}),
        ("os.nice(0)", "3", {"preexec_fn": lambda: os.nice(3)}),
        ("signal.getsignal(1).value", "1", {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}),
        ("sys.flags.optimize", "1", {"env": {"PYTHONOPTIMIZE": "1"}}),
    ],
)
def test_where_a_fork_could_differ_it_is_a_plain_process(prints, wanted, more, server):
    code = f"import os, signal, sys; print('torch' in sys.modules, {prints})"
    assert server.run(code, **more) == (0, f"False {wanted}\n", "")


def test_variables_that_are_read_later_may_differ(server):
    code = IN_A_FORK + "; import os, tempfile; print(os.environ['DRL_RUN'], tempfile.gettempdir())"
    (server.folder / "other").mkdir()
    env = {"DRL_RUN": "\udcff{}", "TMPDIR": str(server.folder / "other"), "PYTHONIOENCODING": "utf-8:surrogateescape"}
    assert "False" in server.run(code, env=env, errors="surrogateescape")[1]
    env.pop("PYTHONIOENCODING")
    env["DRL_RUN"] = "{}"
    assert server.run(code, env=env)[1] == f"True\n{{}} {server.folder / 'other'}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_job(number, server):
    job = server.job(
        "import signal, sys, time\n"
        f"signal.signal({int(number)}, lambda n, _: sys.exit(75))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    assert job.stdout.readline() == "ready\n"
    job.send_signal(number)
    assert (*job.communicate(timeout=10), job.returncode) == ("", "", 75)


def test_the_job_is_killed_with_the_process_that_asked_for_it(server):
    asked, process = server.waiting()
    assert process.pid != asked.pid
    asked.kill()
    wait_for(lambda: not process.is_running(), 5)
    asked.communicate()
    assert server.run("print(1)")[1] == "1\n"


def test_the_job_is_stopped_and_goes_on_with_the_process_that_asked_for_it(server):
    asked, process = server.waiting("print('on')")
    asked.send_signal(signal.SIGSTOP)
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED, 5)
    server.go()
    asked.send_signal(signal.SIGCONT)
    assert asked.communicate(timeout=10)[0] == "on\n"


def test_jobs_run_side_by_side(server):
    pairs = [server.waiting("sys.exit(3)") for _ in range(3)]
    assert len({process.pid for _, process in pairs}) == 3
    server.go()
    assert [asked.wait(10) for asked, _ in pairs] == [3, 3, 3]
    for asked, _ in pairs:
        asked.communicate()


@pytest.fixture
def edited(server) -> Iterator[Path]:
    """Return a module of the copy that a test may edit."""
    file = server.folder / "drl" / "training" / "ema.py"
    as_made = file.read_text()
    yield file
    file.write_text(as_made)


def test_code_that_was_edited_is_run_as_it_is_now(server, edited):
    edited.write_text(edited.read_text() + "NEW = 1\n")
    assert server.run(IN_A_FORK + "\nimport drl.training.ema; print(drl.training.ema.NEW)") == (0, "False\n1\n", "")


def test_a_fork_whose_code_was_edited_before_it_took_the_digest_stops(server, edited):
    takes = "from drl.records.code_digest import check_code; print(check_code('x', ['drl.training.ema'], None))"
    first = server.run(takes)
    assert first == server.run(takes, place=OFF)
    asked, _ = server.waiting(takes)
    edited.write_text(edited.read_text() + "NEW = 1\n")
    server.go()
    out, error = asked.communicate(timeout=10)
    assert (out, asked.returncode) == ("", 1)
    assert "drl x: the code changed while this job was starting; start again" in error


def test_a_socket_that_others_could_have_put_there_is_not_asked(server):
    server.place.parent.chmod(0o755)
    assert server.run(IN_A_FORK)[1] == "False\n"
    server.place.parent.chmod(0o700)
    assert server.run(IN_A_FORK)[1] == "True\n"


def test_without_a_server_that_answers_it_is_a_plain_process(tmp_path, monkeypatch):
    monkeypatch.setattr(preloaded, "PATIENCE_SECONDS", 0.2)
    for name, listens in (("hangs", True), ("gone", False)):
        (tmp_path / name).mkdir(mode=0o700)
        place = tmp_path / name / "socket"
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(place))
            if listens:
                listener.listen()
            assert preloaded._ask(str(place)) is None
        assert not place.parent.exists()
        assert preloaded._ask(str(place)) is None


def test_a_signal_that_no_job_has_got_is_obeyed(tmp_path):
    """The server hangs, and the process that asks is terminated."""
    place = tmp_path / "socket"
    tmp_path.chmod(0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(place))
        listener.listen()
        code = f"import drl.jobs.preloaded as p; print(p._ask({str(place)!r}))"
        asks = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
        line, _ = listener.accept()
        assert json.loads(line.recv(preloaded.MOST_BYTES))["words"] == ["-c"]
        wait_for(lambda: (psutil.Process(asks.pid).status()) == psutil.STATUS_SLEEPING)
        asks.terminate()
        assert line.recv(9) == bytes([signal.SIGTERM])
        line.close()
        assert asks.communicate(timeout=10) == (b"", None)
        assert asks.returncode == -signal.SIGTERM


def test_nobody_starts_a_server_where_it_is_switched_off(monkeypatch):
    monkeypatch.setenv(VARIABLE, OFF)
    assert environment.preload() is None
    assert os.environ[VARIABLE] == OFF


def test_it_ends_with_snakemake_after_its_jobs_and_a_job_whose_server_is_killed_begins_again(server):
    first, one = server.waiting("print('whole')")
    second, other = server.waiting("print('again', 'torch' in sys.modules)")
    server.starter.kill()
    wait_for(lambda: not server.place.parent.exists(), 5)
    assert server.run(IN_A_FORK) == (0, "False\n", "")
    assert server.process.is_running()
    assert one.is_running()
    server.process.kill()
    wait_for(lambda: not one.is_running() and not other.is_running(), 5)
    server.go()
    said = "drl: the preloaded server was killed; this job begins again in a plain process\n"
    for asked, end in ((first, "whole\n"), (second, "again False\n")):
        out, error = asked.communicate(timeout=10)
        assert (out.split("\n", 1)[1], error, asked.returncode) == (end, said, 0)
