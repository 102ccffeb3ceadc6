import errno
import json
import multiprocessing
import os
import re
import threading

import pytest

from drl import files
from drl.errors import UserError
from drl.files import atomic, canonical_json, files_below, json_for_programs, sha256, sweep, write_json


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_write_is_seen_whole_and_keeps_the_suffix(tmp_path):
    path = tmp_path / "deep" / "a.svg"
    with atomic(path) as temporary:
        assert temporary.suffix == ".svg"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["a.svg"]


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "your disk quota is used up"),
        # As safetensors says it.
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
def test_a_full_disk_is_named_with_its_remedy(tmp_path, error, trouble):
    path = tmp_path / "a.txt"
    path.write_text("old")
    message = f"{path}: cannot be written, {trouble}; make room and run the same command again"

    def fail():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        fail()
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["a.txt"])


def _die_within_a_write(path):
    with atomic(path) as temporary:
        (temporary.parent / "left by a library").write_text("half")
        os._exit(1)


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    path, other = tmp_path / "a.txt", tmp_path / ".b.txt.elsewhere-1-x.part"
    other.mkdir()
    process = multiprocessing.get_context("fork").Process(target=_die_within_a_write, args=(path,))
    process.start()
    process.join()
    assert len(os.listdir(tmp_path)) == 2
    with atomic(path) as temporary:
        # A second writer that lives is left alone.
        with atomic(path) as second:
            second.write_text("other")
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == [other.name, "a.txt"]


def test_what_killed_processes_left_of_any_file_goes_when_a_folder_is_swept(tmp_path):
    other, link = tmp_path / ".b.txt.elsewhere-1-x.part", tmp_path / ".c.txt.link.part"
    other.mkdir()
    for name in ("a.txt", "[d].txt"):
        process = multiprocessing.get_context("fork").Process(target=_die_within_a_write, args=(tmp_path / name,))
        process.start()
        process.join()
    link.symlink_to(tmp_path)
    (tmp_path / "mine.part").mkdir()
    assert len(os.listdir(tmp_path)) == 5
    with atomic(tmp_path / "alive.txt"):
        sweep(tmp_path)
        assert len(os.listdir(tmp_path)) == 4
    sweep(tmp_path / "not there")
    assert sorted(os.listdir(tmp_path)) == sorted([other.name, link.name, "alive.txt", "mine.part"])


def test_files_are_as_readable_as_umask_says(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


def test_files_are_found_while_others_are_written(tmp_path):
    for name in ("b/two.csv", "a/one.csv", "a/.hidden", ".state/three.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    ended = threading.Event()

    def write():
        while not ended.is_set():
            with atomic(tmp_path / "a" / ".new.csv") as path:
                path.touch()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(500):
            assert files_below(tmp_path) == [tmp_path / "a" / "one.csv", tmp_path / "b" / "two.csv"]
    finally:
        ended.set()
        writer.join()


def test_canonical_json_does_not_depend_on_key_order():
    assert (
        canonical_json({"b": 1, "a": [1.0, None]})
        == canonical_json({"a": [1.0, None], "b": 1})
        == '{"a":[1.0,null],"b":1}'
    )


def test_a_long_reading_says_how_far_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files, "SAY_SECONDS", 0.0)
    monkeypatch.setattr(files, "CHUNK", 2)
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert capsys.readouterr().err == f"drl: {tmp_path / 'a'}: read 0.0 of 0.0 GB\n" * 2


def test_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_fifo_has_no_digest_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe is a FIFO and not a file"):
        sha256(tmp_path / "pipe")


def test_json_has_neither_nan_nor_infinity():
    values = {"a": [1.5, float("inf"), {"b": float("nan"), "c": -float("inf")}], "d": "NaN", "e": None}
    assert json.loads(json_for_programs(values)) == {"a": [1.5, None, {"b": None, "c": None}], "d": "NaN", "e": None}
