import subprocess

import pytest

from drl.verdict import documentation


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/someone/drl",
        "https://github.com/someone/drl.git",
        "https://name:password@github.com/someone/drl.git",
        "git@github.com:someone/drl.git",
        "ssh://git@github.com/someone/drl/",
    ],
)
def test_a_clone_from_github_knows_its_address_and_tells_no_password(remote):
    assert documentation.address(remote) == "https://github.com/someone/drl"


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/drl.git",
        "https://gitlab.com/a/b",
        "https://github.com/a",
        "https://github.com/a/b> `x",
        "x github.com:a/b",
    ],
)
def test_other_places_have_none(remote):
    assert documentation.address(remote) is None


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository in place of the project."""
    monkeypatch.setattr(documentation, "CODE", tmp_path)
    documentation._remote.cache_clear()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    yield tmp_path
    documentation._remote.cache_clear()


def test_a_page_is_a_link_in_a_clone_and_otherwise_its_path(checkout):
    assert documentation.page("statistics.md") == "``docs/statistics.md``"
    documentation._remote.cache_clear()
    place = ["git", "-C", str(checkout), "remote", "add", "origin", "git@github.com:someone/drl.git"]
    subprocess.run(place, check=True)
    address = "https://github.com/someone/drl/blob/HEAD/docs/statistics.md"
    assert documentation.page("statistics.md") == f"`docs/statistics.md <{address}>`__"


def test_the_repository_around_an_archive_is_not_asked(checkout, monkeypatch):
    place = ["git", "-C", str(checkout), "remote", "add", "origin", "git@github.com:someone/other.git"]
    subprocess.run(place, check=True)
    (checkout / "archive").mkdir()
    monkeypatch.setattr(documentation, "CODE", checkout / "archive")
    assert documentation.page("statistics.md") == "``docs/statistics.md``"
