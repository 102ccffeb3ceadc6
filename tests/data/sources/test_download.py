from __future__ import annotations

import gzip
import hashlib
import socket
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drl.data.sources import download
from drl.errors import UserError
from tests.data.factories import silent_server


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    root = tmp_path / "served"
    root.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    server.server_close()


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_a_file_is_fetched_once(served: tuple[str, Path], tmp_path: Path) -> None:
    url, root = served
    (root / "x.gz").write_bytes(gzip.compress(b"content"))
    md5 = _md5(root / "x.gz")
    cache = tmp_path / "cache"
    download.fetch(f"{url}/x.gz", cache, md5)
    assert gzip.decompress((cache / "x.gz").read_bytes()) == b"content"
    (root / "x.gz").unlink()
    download.fetch(f"{url}/x.gz", cache, md5)


def test_an_archive_is_unpacked(served: tuple[str, Path], tmp_path: Path) -> None:
    url, root = served
    (root / "batch").write_bytes(b"pixels")
    with tarfile.open(root / "data.tar.gz", "w:gz") as tar:
        tar.add(root / "batch", "folder/batch")
    download.fetch(f"{url}/data.tar.gz", tmp_path / "cache", _md5(root / "data.tar.gz"), extract=True)
    assert (tmp_path / "cache" / "folder" / "batch").read_bytes() == b"pixels"


def test_a_wrong_checksum_is_an_error(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, root = served
    (root / "x.gz").write_bytes(b"other")
    monkeypatch.setattr(download.time, "sleep", lambda _: None)
    monkeypatch.setattr(download.attempt, "__defaults__", ((0.0, 0.0), lambda _: None))
    with pytest.raises(UserError, match=r"x\.gz could not be downloaded in 3 attempts"):
        download.fetch(f"{url}/x.gz", tmp_path / "cache", "0" * 32)


@pytest.mark.parametrize("heard", ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_server_that_falls_silent_is_not_waited_for(
    heard: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(download, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(download.attempt, "__defaults__", ((0.0,), lambda _: None))
    said = r"x\.gz could not be downloaded in 2 attempts \(.*timed out"
    with silent_server(heard) as url, pytest.raises(UserError, match=said):
        download.fetch(f"{url}/x.gz", tmp_path, "0" * 32)
    assert f"drl: {url}/x.gz: " in capsys.readouterr().err
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize(("failures", "slept"), [(0, []), (1, [5.0]), (2, [5.0, 20.0])])
def test_the_network_gets_three_attempts(failures: int, slept: list[float], tmp_path: Path) -> None:
    calls: list[int] = []
    pauses: list[float] = []

    def action() -> None:
        calls.append(1)
        if len(calls) <= failures:
            raise OSError("connection reset")

    download.attempt(action, "http://x", tmp_path, sleep=pauses.append)
    assert len(calls) == failures + 1
    assert pauses == slept


def test_the_last_failure_is_told(tmp_path: Path) -> None:
    def action() -> None:
        raise OSError("no route to host")

    with pytest.raises(UserError, match=r"could not be downloaded in 3 attempts \(no route to host\)") as caught:
        download.attempt(action, "http://x", tmp_path, sleep=lambda _: None)
    assert str(tmp_path) in str(caught.value)


def test_the_cache_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRL_DATA", str(tmp_path))
    assert download.cache_folder() == tmp_path
    monkeypatch.delenv("DRL_DATA")
    assert download.cache_folder() == Path("~/.cache/drl").expanduser()
