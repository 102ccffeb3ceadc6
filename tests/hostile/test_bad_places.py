"""Bad places for results, given to every command that writes: one line before any work, and nothing is touched."""

import os
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.cli.main import cli
from drl.cli.options import Place
from drl.errors import UserError
from drl.files import atomic
from drl.out_places import check_file_place, check_folder_place, home_path
from drl.pipeline.drawing import FIGURE, TABLE
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE
from tests.hostile.profile import examples

REQUIRED = {
    "dataset": ["--dataset", "digits"],
    "recipe": ["--recipe", "drl"],
    "arm": ["--arm", "drl"],
    "labels": ["--labels", "100"],
    "model": ["--model", "no.safetensors"],
    "images": ["--images", "none"],
    "item": ["4"],
    "part": ["scatter"],
    "checkpoint": ["none.pth"],
}
WRITERS = {
    f"{name} {option.opts[0]}": (name, command, option)
    for name, command in cli.commands.items()
    for option in command.params
    if isinstance(option.type, Place)
}
BAD = {
    "/dev/null": "is no regular file|is no folder",
    "/dev/null/x": "is no folder",
    "/proc/x": "is of the system, like all in /dev, /proc and /sys; choose another place|is no regular file",
    "/proc/x/y": "is of the system",
    "/sys/x.csv": "is of the system",
    "/dev/full.npy": "is of the system",
    "/dev/new/x.csv": "is of the system",
    "/dev/shm/../new.csv": "is of the system",
    "file/x": "is no folder",
    "dangling/x.csv": "is a link that leads nowhere",
    "loop/x.csv": "no file can have this name|leads nowhere",
    "~nosuchuser/x.csv": "the home folder of ~nosuchuser is not known",
    "x" * 300: "File name too long|the name has",
    "a/" * 3000 + "x": "File name too long|no file can",
}
ONLY_FILES = {
    "": "is a folder",
    "folder": "is a folder",
    "fifo": "is no regular file",
    "a\nb": "line break",
    "b\udcff": "UTF-8",
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A working directory with bad places; no file in it may change."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to("gone/away")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(os.listdir(tmp_path))
    yield tmp_path
    assert sorted(os.listdir(tmp_path)) == before
    assert (tmp_path / "file").read_text() == "mine"
    assert os.listdir(tmp_path / "folder") == []
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def words(name, command):
    """Return a command line that lacks nothing but its place."""
    line = [name]
    for option in command.params:
        if option.required and not isinstance(option.type, Place):
            line += REQUIRED[option.name or ""]
    return [*line, "--scale", "demo"] if any(option.name == "scale" for option in command.params) else line


def refused(line, message):
    run = CliRunner().invoke(cli, line)
    with pytest.raises((UserError, click.ClickException), match=message) as raised:
        raise run.exception or AssertionError(run.output)
    assert "\n" not in str(raised.value)


def test_every_command_that_writes_is_tried():
    assert len(WRITERS) >= 20
    for name, command in cli.commands.items():
        assert ("--out" in [word for option in command.params for word in option.opts]) == (f"{name} --out" in WRITERS)


@pytest.mark.parametrize("which", WRITERS)
def test_a_bad_place_is_one_line_before_any_work(which):
    name, command, option = WRITERS[which]
    folders = option.type._check is check_folder_place
    for place, message in (BAD if folders else BAD | ONLY_FILES).items():
        has_out = option.opts[0] != "--out" and any("--out" in other.opts for other in command.params)
        others = ["--out", "good.csv"] if has_out else []
        refused([*words(name, command), *others, option.opts[0], place], message)


@pytest.mark.parametrize(
    "line", [["prepare", "--dataset", "digits"], ["pretrain", "--dataset", "digits", "--recipe", "drl"]]
)
def test_results_that_are_a_dangling_link_are_one_line(here, line):
    (here / "results").symlink_to("gone/away")
    refused(
        [*line, "--dataset", "digits", "--scale", "demo"],
        "results: is a link that leads nowhere; remove it, or choose another place",
    )
    (here / "results").unlink()


BESIDE = {
    step.command: (step, axes)
    for step, axes in (
        (PREPARE, ["--dataset", "digits"]),
        *((step, None) for step in STUDIES.values()),
        (FIGURE, ["4"]),
        (TABLE, ["1"]),
    )
    if step.beside
}


@pytest.mark.parametrize("which", BESIDE)
@pytest.mark.parametrize("kind", ["folder", "fifo"])
def test_what_lies_beside_the_place_is_looked_at_too(here, which, kind):
    """The example: a training ended with an error, because snapshots.safetensors was a folder."""
    step, axes = BESIDE[which]
    axes = axes or words(which, cli.commands[which])[1:]
    place = here / "out" / Path(step.output).name.replace("{", "").replace("}", "")
    place.parent.mkdir()
    for beside in step.files(place)[1:]:
        os.mkfifo(beside) if kind == "fifo" else beside.mkdir()
        extra = [] if "--scale" in axes else ["--scale", "demo"]
        refused([which, *axes, *extra, "--out", str(place)], f"{beside.name}: is (a folder|no regular file)")
        beside.unlink() if kind == "fifo" else beside.rmdir()
    place.parent.rmdir()


def test_no_device_is_replaced(tmp_path):
    with pytest.raises(UserError, match="is a folder or a device"), atomic("/dev/null"):
        pass
    with pytest.raises(UserError, match="is a folder or a device"), atomic("folder"):
        pass


def test_good_places(here):
    for place in ("new/x.csv", "file", "./~x/a.csv", "é ü/①.csv"):
        check_file_place(home_path(place))
    check_folder_place(here / "folder")
    check_folder_place(here / "new" / "one")
    assert home_path("~/x") == home_path("~") / "x"


PARTS = st.one_of(
    st.sampled_from(["folder", "file", "fifo", "dangling", "loop", "..", ".", "~", "~x", "new", "x" * 200, "é"]),
    st.text(st.characters(exclude_characters="\0"), max_size=5),
)


@settings(derandomize=True, deadline=None, max_examples=examples(400))
@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_any_path(parts):
    path = home_path("./" + "/".join(parts).replace("../", ""))
    for check in (check_file_place, check_folder_place):
        said = ""
        try:
            check(path)
        except UserError as error:
            said = str(error)
        assert "\n" not in said
