"""Homes that nobody knows or that cannot be made, wherever caches and folders of one's own are used."""

import os
from pathlib import Path

import pytest

from drl.cli.options import Place
from drl.costs.book import Book
from drl.data.sources.download import cache_folder, fetch
from drl.errors import UserError
from drl.files import atomic
from drl.out_places import RESULT_FOLDERS, check_file_place, check_results, home_path
from drl.pipeline.configuration import resolve
from drl.pipeline.own_images import _cache, dataset_name, with_folder
from drl.pipeline.registry import STEPS


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


@pytest.mark.parametrize("name", ["./~", "./~root/x", "././~", ".//~", "a/~"])
def test_a_name_that_begins_with_a_tilde_is_no_home_however_often_it_is_read(monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    once = home_path(name)
    assert home_path(once) == once
    assert once.absolute() == tmp_path / name
    assert home_path("~/x") == tmp_path / "home" / "x"
    # As an option gives it.
    assert Place(folder=True).convert(name, None, None).absolute() == tmp_path / name


@pytest.mark.parametrize("home", ["/proc/home", "/dev/null/home"])
def test_a_home_that_cannot_be_made_is_said_at_once(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("DRL_DATA", raising=False)
    with pytest.raises(UserError, match=r"(is of the system|is no folder).*set DRL_DATA to a folder of yours"):
        fetch("http://127.0.0.1:9/x", cache_folder(), "0" * 32)


@pytest.mark.parametrize("place", ["/proc/x", "/dev", "/sys/x", "/dev/shm/../x"])
def test_downloads_are_not_put_into_folders_of_the_system(monkeypatch, place):
    """The example: with $DRL_DATA in /proc, a plan calibrated for minutes and kept nothing."""
    monkeypatch.setenv("DRL_DATA", place)
    for ask in (cache_folder, Book):
        with pytest.raises(
            UserError, match="is of the system, like all in /dev, /proc and /sys; set DRL_DATA to a fol"
        ):
            ask()
    assert _cache() is None


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


@pytest.mark.parametrize("name", ["", *RESULT_FOLDERS, "data/digits", "logs/prepare", "models/pets_0"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("gone", "is a link that leads nowhere; remove it"),
        ("/proc", "leads to /proc, which is of the system; remove the link"),
        ("/dev", "leads to /dev, which is of the system; remove the link"),
    ],
)
def test_links_of_results_that_lead_nowhere_are_named(tmp_path, name, target, message):
    link = tmp_path / "results" / "demo" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with pytest.raises(UserError, match=message) as raised:
        check_results(tmp_path / "results" / "demo")
    assert str(raised.value).startswith(f"{link}: ")


def test_links_of_results_to_other_disks_are_fine(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    results = tmp_path / "results" / "demo"
    check_results(results)
    for name in ("data", "logs", ".state", "models/digits", "metrics/probe"):
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).symlink_to(disk)
    (results / "figures").mkdir()
    (results / "figures" / "figure_4.svg").symlink_to("gone")
    check_results(results)
    (results / "tables").write_text("a file")
    with pytest.raises(UserError, match=r"tables: is no folder"):
        check_results(results)


def test_no_folder_of_results_is_forgotten():
    folders = {Path(output).parts[0] for step in STEPS.values() for output in step.outputs}
    assert {name for name in folders if "." not in name} <= set(RESULT_FOLDERS)


def test_what_snakemake_writes_into_is_its_own(tmp_path):
    """The examples: it waited for a FIFO, and wrote through a link into a file outside."""
    place = tmp_path / "results" / "demo" / "benchmarks" / "prepare" / "digits.tsv"
    log = tmp_path / "results" / "demo" / "logs" / "prepare" / "digits.log"
    mine = tmp_path / "mine.txt"
    mine.write_text("mine, all mine")

    def refused(said):
        with pytest.raises(UserError, match=said) as raised:
            check_results(tmp_path / "results" / "demo")
        assert "\n" not in str(raised.value)

    for path in (place, log):
        path.parent.mkdir(parents=True)
        os.mkfifo(path)
        refused(rf"{path}: is no regular file, but Snakemake writes there; remove it")
        path.unlink()
        path.symlink_to(mine)
        refused(rf"{path}: is a link, but Snakemake writes there; remove it")
        path.unlink()
    place.hardlink_to(mine)
    refused(r"digits.tsv: is no benchmark, but Snakemake would write over it; move it elsewhere")
    place.unlink()
    log.write_text("any text")
    for text in ("", "s\th:m:s\tmax_rss\n", "\0" * 100):
        place.write_text(text)
        check_results(tmp_path / "results" / "demo")
    place.unlink()
    place.parent.rmdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "digits.tsv").write_text("mine, all mine")
    place.parent.symlink_to(tmp_path / "notes")
    refused(r"is no benchmark")


def test_a_folder_of_snakemake_that_leads_nowhere_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".snakemake").symlink_to("gone")
    with pytest.raises(UserError, match=r"^\.snakemake: is a link that leads nowhere; remove it"):
        check_results(Path("results", "demo"))
