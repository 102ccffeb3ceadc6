"""Homes that nobody knows or that cannot be made, wherever caches and folders of one's own are used."""

from pathlib import Path

import pytest

from drl.costs.book import Book
from drl.data.sources.download import cache_folder, fetch
from drl.errors import UserError
from drl.files import atomic
from drl.out_places import check_file_place, home_path
from drl.pipeline.configuration import resolve
from drl.pipeline.own_images import dataset_name, with_folder


@pytest.fixture
def homeless(monkeypatch, tmp_path):
    """A process whose home nobody knows: no HOME, and a user that no list has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("DRL_DATA", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    return tmp_path


def test_no_folder_called_tilde_is_made(homeless):
    with pytest.raises(UserError, match=r"the home folder of ~ is not known; .*; set DRL_DATA to a folder of yours"):
        cache_folder()
    assert list(homeless.iterdir()) == []


@pytest.mark.parametrize("use", [home_path, dataset_name, lambda name: with_folder(resolve("demo"), name)])
def test_an_unknown_user_is_one_line(use):
    with pytest.raises(UserError, match=r"^~nosuchuser/x: the home folder of ~nosuchuser is not known; write"):
        use("~nosuchuser/x")


@pytest.mark.parametrize("home", ["/proc/home", "/dev/null/home"])
def test_a_home_that_cannot_be_made_is_said_at_once(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("DRL_DATA", raising=False)
    with pytest.raises(UserError, match=r"(no file can be made there|is no folder).*set DRL_DATA to a folder of yours"):
        fetch("http://127.0.0.1:9/x", cache_folder(), "0" * 32)


def test_a_plan_goes_on_without_its_book(monkeypatch, capsys):
    monkeypatch.setenv("HOME", "/proc/home")
    monkeypatch.delenv("DRL_DATA", raising=False)
    book = Book()
    assert [book.put(1.0, "a"), book.put(2.0, "b"), book.get("a")] == [1.0, 2.0, 1.0]
    said = capsys.readouterr().err
    assert said.startswith("drl: rates are not kept (")
    assert said.count("\n") == 1


def test_half_a_surrogate_pair_is_one_line():
    with pytest.raises(UserError, match=r"a\\ud800: no file can have this name"):
        check_file_place(Path("a\ud800"))


def test_a_device_is_never_replaced():
    with pytest.raises(UserError, match=r"^/dev/null: is a folder or a device"), atomic("/dev/null"):
        pass
