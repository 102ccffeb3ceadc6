"""Where the project's files are, in a checkout and in a wheel."""

from pathlib import Path

import pytest

from drl.config import project as module
from drl.config.project import checkout, project
from drl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_in_a_checkout_they_are_beside_the_package():
    assert project() == checkout("a test") == ROOT
    assert (project() / "Snakefile").is_file()


def test_in_a_wheel_they_are_copies_in_the_package(tmp_path, monkeypatch):
    copies = tmp_path / "drl" / "_project"
    copies.mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(module, "COPIES", copies)
    assert project() == copies
    with pytest.raises(UserError, match=r"^a test changes the project's own files; run it in a checkout"):
        checkout("a test")


def test_no_other_module_looks_for_them():
    """Files beside the package are found in one place, because they are elsewhere in a wheel."""
    looking = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "drl").rglob("*.py")
        if "__file__" in path.read_text() and path != Path(module.__file__)
    ]
    assert looking == []
