"""The view of a run, with real runs of Snakemake: as lines, and in a terminal."""

import os
import pty
import subprocess
import sys
import time

import pytest

TARGET = "results/demo/data/digits/images.safetensors"


def in_terminal(project, *words, stop_at=None):
    """Run Snakemake in a terminal; return its exit code and what the terminal got.

    Args:
        project: Where.
        words: Snakemake's.
        stop_at: Press Ctrl-C when the terminal has shown this.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "DRL_VIEW")} | {"TERM": "xterm"}
    command = [sys.executable, "-m", "snakemake", *words, "--configfile", "tiny.yaml"]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(project.folder)
        os.execvpe(command[0], command, environment)
    shown, end = b"", time.monotonic() + 600
    while time.monotonic() < end:
        try:
            read = os.read(terminal, 2**16)
        except OSError:
            break
        shown += read
        if stop_at is not None and stop_at.encode() in shown:
            stop_at = None
            os.write(terminal, b"\x03")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), shown.decode(errors="replace")


def test_lines_name_each_job_and_the_log_keeps_everything(project, monkeypatch):
    monkeypatch.setenv("DRL_VIEW", "on")
    run = project.snakemake(TARGET, "--cores", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "[1/1] prepare on digits: " in run.stderr
    assert "localrule" not in run.stderr
    (log,) = (project.folder / ".snakemake/log").glob("*.log")
    assert "drl prepare --dataset digits --scale demo" in log.read_text()
    assert f"full log: .snakemake/log/{log.name}" in run.stderr


def test_without_a_terminal_snakemake_prints_as_always(project):
    run = project.snakemake(TARGET, "--cores", "1")
    assert "drl prepare --dataset digits --scale demo" in run.stderr
    assert "[1/1]" not in run.stderr


def test_a_failed_job_ends_the_output_with_its_remedy(project, monkeypatch):
    monkeypatch.setenv("DRL_VIEW", "on")
    project.edit("config/datasets.yaml", "source: digits, classes: 10", "source: digits, classes: 7")
    run = project.snakemake(TARGET, "--cores", "1")
    assert run.returncode == 1
    assert "correct datasets.digits.classes" in run.stderr.splitlines()[-1]
    assert run.stderr.count("1 job failed:") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="pty.fork beside threads")
@pytest.mark.parametrize("stop", [False, True])
def test_a_terminal_shows_one_live_block_and_ctrl_c_ends_it(project, stop):
    code, shown = in_terminal(project, TARGET, "--cores", "1", stop_at="0 of 1 jobs" if stop else None)
    assert "prepare on digits" in shown
    assert "\x1b[?25l" in shown, "the block hides the cursor"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "and gives it back"
    ending = shown[shown.rindex("\x1b[?25h") :]
    assert code == (1 if stop else 0), shown
    assert ("stopped: 0 of 1 jobs" if stop else "1 jobs done in") in ending
    assert subprocess.run(["ls", ".snakemake/locks"], cwd=project.folder, capture_output=True, text=True).stdout == ""
