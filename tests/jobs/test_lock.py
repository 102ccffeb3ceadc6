import errno
import fcntl
import os
import threading
import time

import pytest

from drl.errors import Unfinished, UserError
from drl.jobs import lock as module
from drl.jobs.gpu_slots import gpu_slot
from drl.jobs.lock import holder_of, job_lock


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.005)


def test_only_one_is_inside_however_many_come(tmp_path):
    """Files are removed and made anew while others wait for them: never two inside."""
    inside, most, done = [], [], []

    def work(number):
        for _ in range(15):
            with job_lock(str(number), tmp_path / "new" / "a", tmp_path / "b"):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (sorted(done), set(most)) == (list(range(6)), {1})
    assert not list(tmp_path.rglob(".*.lock"))


def test_who_waits_is_told_for_whom_and_that_it_waited(tmp_path, capsys):
    waited = []

    def second():
        with job_lock("the job", tmp_path / "a") as had_to_wait:
            waited.append(had_to_wait)

    with job_lock("first", tmp_path / "a") as had_to_wait:
        waited.append(had_to_wait)
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
    thread.join(10)
    assert waited == [False, True]
    holder = f"process {os.getpid()} on {module.socket.gethostname()}"
    assert capsys.readouterr().err == f"drl: the job: {holder} is running this job already; waiting for it to end\n"


def test_waiting_ends_with_the_time_of_the_job(tmp_path):
    with (
        job_lock("first", tmp_path / "a"),
        pytest.raises(Unfinished, match=f"process {os.getpid()} on .* run the same command to go on"),
        job_lock("second", tmp_path / "a", until=time.monotonic() + 0.05),
    ):
        pass


def test_no_wait_is_endless_and_who_waits_says_so_now_and_then(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.05)
    monkeypatch.setattr(module, "SAY_SECONDS", 0.01)
    with (
        job_lock("first", tmp_path / "a"),
        pytest.raises(Unfinished, match=f"process {os.getpid()} on .* run the same command to go on"),
        job_lock("second", tmp_path / "a"),
    ):
        pass
    assert f"second: process {os.getpid()} on " in capsys.readouterr().err.splitlines()[1]


@pytest.mark.parametrize("text", ["[" * 4000, "[]", '{"pid": "1\\n2", "host": 3}', "\0", "9" * 5000])
def test_a_forged_lock_file_is_no_harm(tmp_path, text):
    (tmp_path / "forged").write_text(text)
    assert "\n" not in holder_of(tmp_path / "forged")


def test_a_lock_file_that_a_killed_process_left_is_no_lock(tmp_path):
    (tmp_path / ".a.lock").write_text('{"pid": 1, "host": "gone"}')
    with job_lock("job", tmp_path / "a") as waited:
        assert not waited
    assert os.listdir(tmp_path) == []


def test_without_locks_on_the_file_system_a_line_says_so_and_it_goes_on(tmp_path, monkeypatch, capsys):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with job_lock("job", tmp_path / "a") as waited:
        assert not waited
    assert capsys.readouterr().err == (
        f"drl: {tmp_path}: this file system has no locks (No locks available); make sure that no job runs twice\n"
    )


def test_folders_of_jobs_that_fail_are_not_left(tmp_path):
    with pytest.raises(RuntimeError), job_lock("job", tmp_path / "new" / "a"):
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_a_lock_file_that_others_deleted_and_made_anew_stays_theirs(tmp_path):
    lock = tmp_path / ".a.lock"
    with job_lock("job", tmp_path / "a"):
        lock.unlink()
        lock.write_text("theirs")
    assert lock.read_text() == "theirs"


@pytest.mark.parametrize("place", ["link/demo", "/dev/null/x", "/proc/x", "/proc", "file"])
def test_a_place_where_no_lock_can_be_made_is_one_line(tmp_path, monkeypatch, place):
    monkeypatch.setattr(module, "TRY_SECONDS", 0.001)
    (tmp_path / "link").symlink_to(tmp_path / "gone" / "away")
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match="cannot hold new files") as raised,
        job_lock("job", tmp_path / place / "a"),
    ):
        pass
    assert str(raised.value).startswith(f"{tmp_path / place}: ")
    assert "\n" not in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


def test_a_child_by_fork_that_leaves_the_block_does_not_free_the_lock(tmp_path):
    lock = job_lock("parent", tmp_path / "a")
    lock.__enter__()
    if not (child := os.fork()):
        try:
            lock.__exit__(None, None, None)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / ".a.lock").exists()
    with pytest.raises(Unfinished), job_lock("other", tmp_path / "a", until=0):
        pass
    lock.__exit__(None, None, None)
    assert os.listdir(tmp_path) == []


def taken(place):
    """Try to take the lock `.a.lock` in a folder, and return what is said."""
    with (
        pytest.raises(UserError, match="but a job needs this name for its lock; remove it") as raised,
        job_lock("job", place / "a"),
    ):
        pass
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_hard_link_to_a_file_elsewhere_is_not_written_to(tmp_path):
    """The example: precious text was replaced by the number of a process."""
    text = tmp_path / "precious.txt"
    text.write_text("mine")
    (tmp_path / "out").mkdir()
    os.link(text, tmp_path / "out" / ".a.lock")
    assert "(a hard link)" in taken(tmp_path / "out")
    assert text.read_text() == "mine"
    assert text.stat().st_nlink == 2


@pytest.mark.parametrize("content", ["mine", "{}", "\0\0mine", "[" * 5000, "\0" * 5000 + "mine"])
def test_somebody_elses_file_is_no_lock(tmp_path, content):
    lock = tmp_path / ".a.lock"
    lock.write_text(content)
    assert "holds something else" in taken(tmp_path)
    assert lock.read_text() == content
    lock.unlink()
    with job_lock("job", tmp_path / "a") as waited:
        assert not waited, "the refused lock is still held"


@pytest.mark.parametrize("content", ["", "\0" * 40, '{"pid": 1, "host": "gone"}', '{"pid": '])
def test_what_a_killed_process_or_machine_leaves_is_a_lock(tmp_path, content):
    (tmp_path / ".a.lock").write_text(content)
    with job_lock("job", tmp_path / "a"):
        pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "dangling", "device"])
def test_nothing_but_a_regular_file_is_a_lock(tmp_path, kind):
    lock, text = tmp_path / ".a.lock", tmp_path / "text"
    text.write_text("mine")
    makes = {
        "fifo": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
        "link": lambda: lock.symlink_to(text),
        "dangling": lambda: lock.symlink_to("gone"),
        "device": lambda: lock.symlink_to("/dev/null"),
    }
    makes[kind]()
    assert "is no regular file" in taken(tmp_path)
    assert text.read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == [".a.lock", "text"]


def test_slots_of_gpus_too(tmp_path, monkeypatch):
    monkeypatch.delenv("DRL_GPU", raising=False)  # another test's slot, which this process would share
    folder = tmp_path / "slots"
    folder.mkdir(mode=0o700)
    text = tmp_path / "precious.txt"
    text.write_text("mine")
    os.link(text, folder / "0.0.lock")
    with pytest.raises(UserError, match=r"0.0.lock: is also a file elsewhere"), gpu_slot("cuda", 1, ["0"], folder):
        pass
    assert text.read_text() == "mine"


def test_without_locks_a_file_that_was_there_stays(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / ".a.lock").write_text("mine")
    monkeypatch.setattr(fcntl, "flock", none)
    with job_lock("job", tmp_path / "a"):
        pass
    assert (tmp_path / ".a.lock").read_text() == "mine"
