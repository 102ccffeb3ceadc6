"""Only regular files are opened, and none that is larger than expected; names are text of one line."""

import os
import re
import socket
from pathlib import Path

import pytest

from drl.data.regular import check_name, check_not_special, open_regular, read_regular, shown
from drl.errors import UserError
from drl.files import sha256


def special(path, kind):
    """Make what is no regular file."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        # A path of a socket may have 107 bytes only.
        here = os.getcwd()
        os.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
        os.chdir(here)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "nowhere": "none", "itself": path.name}[kind])


SPECIAL = {
    "FIFO": "is a FIFO and not a file: remove it",
    "socket": "is a socket and not a file: remove it",
    "folder": "is a folder and not a file",
    "device": "is a device and not a file: remove it",
    "nowhere": "is a link that leads nowhere",
    "itself": "is a link that leads nowhere (Too many levels of symbolic links): repair or remove it",
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_nothing_but_regular_files_is_opened(kind, tmp_path):
    special(tmp_path / "x.png", kind)
    with pytest.raises(UserError, match=re.escape(SPECIAL[kind])), open_regular(tmp_path / "x.png"):
        pass


def test_what_becomes_a_fifo_meanwhile_is_not_waited_for(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "x.png")
    monkeypatch.setattr("drl.data.regular.check_regular", lambda path: None)
    with pytest.raises(UserError, match="is a FIFO"), open_regular(tmp_path / "x.png"):
        pass


def test_links_to_files_are_followed_and_large_files_are_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "b", 5) == b"12345"
    with pytest.raises(UserError, match="a has 5 bytes, but needs 4 at most"):
        read_regular(tmp_path / "a", 4)
    with pytest.raises(UserError, match=r"none cannot be read \(No such file"):
        read_regular(tmp_path / "none", 4)


@pytest.mark.parametrize("name", ["cat.png", "猫.png", "é.png", "b{x}.png", "10².png", "①", "a b", "ÀÈ", "🐈"])
def test_names_of_any_script_are_accepted(name, tmp_path):
    check_name(tmp_path / name)
    assert shown(tmp_path / name) == str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"caf\xe9.png", r"caf\xe9.png is not UTF-8"),
        (b"a\nb.png", r"a\nb.png has a line break"),
        (b"a\x1b[2Jb", r"a\x1b[2Jb has a line break or another control character"),
        ("a\u2028b".encode(), r"a\u2028b has a line break"),
    ],
)
def test_names_that_break_tables_are_named_in_one_line(name, said, tmp_path):
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        check_name(tmp_path / os.fsdecode(name))
    assert len(str(caught.value).splitlines()) == 1
    str(caught.value).encode()


@pytest.mark.parametrize("read", [lambda path: read_regular(path, 10), check_not_special, sha256])
def test_files_of_the_system_are_not_read(read, tmp_path):
    """The example: commands that were given /proc/kmsg waited for ever."""
    (tmp_path / "link").symlink_to("/proc/version")
    for path in (Path("/proc/version"), Path("/proc/self/status"), tmp_path / "link"):
        with pytest.raises(UserError, match=r"is a file of the system, and some of these never end: choose another"):
            read(path)
