"""Places that are written to: found to be good or bad before any work is done for them."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from drl.data.regular import check_name, of_system, open_regular, shown
from drl.errors import UserError
from drl.files import FULL, files_below

# Temporary files, locks and run cards have longer names than what they stand beside; most systems allow 255 bytes.
MOST_BYTES = 150
REMEDY = "choose another place"
# All folders in results/<scale>.
RESULT_FOLDERS = ("data", "models", "metrics", "figures", "tables", "study", "logs", "benchmarks", ".state")
BENCHMARK = b"s\th:m:s\t"  # how Snakemake's files in benchmarks/ begin


def check_file_place(path: Path) -> None:
    """Make sure that a file can be written, or written anew.

    Raises:
        UserError: If something else is there, such as a folder or a device; its folder cannot be made or written to; or
            its name is too long, not UTF-8 or has control characters.
    """
    mode = _mode(path)
    if not path.name or (mode is not None and stat.S_ISDIR(mode)):
        raise UserError(f"{shown(path)}: is a folder; give the name of a file")
    if mode is not None and not stat.S_ISREG(mode):
        raise UserError(f"{shown(path)}: is no regular file, so it is not written to; {REMEDY}")
    check_name(path)
    if (length := len(os.fsencode(path.name))) > MOST_BYTES:
        raise UserError(f"{shown(path.name[:20])}…: the name has {length} bytes; give one of {MOST_BYTES} at most")
    check_folder_place(path.parent)


def check_folder_place(folder: Path) -> None:
    """Make sure that a folder is there or can be made, and that files can be made in it. Nothing is left behind.

    Raises:
        UserError: If not.
    """
    there = nearest_folder(folder)
    if of_system(folder):
        # Root may make files in /dev.
        raise UserError(f"{shown(folder)}: is of the system, like all in /dev, /proc and /sys; {REMEDY}")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        # A full disk is another matter, of which whoever writes says more.
        if error.errno not in FULL:
            raise UserError(f"{shown(there)}: no file can be made there ({error.strerror}); {REMEDY}") from error


def nearest_folder(folder: Path) -> Path:
    """Return a folder, or where it is missing the nearest one above it that is there.

    Raises:
        UserError: If what is there is no folder.
    """
    _mode(folder)
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if there.is_symlink() and not there.exists():
        raise UserError(f"{shown(there)}: is a link that leads nowhere; remove it, or {REMEDY}")
    if not there.is_dir():
        raise UserError(f"{shown(there)}: is no folder, so nothing can be made in it; {REMEDY}")
    return there


def check_results(results: Path) -> None:
    """Make sure that no link below a folder of results leads where no folder is or can be made.

    Snakemake would name a file that it could not write, but not the link. Checked are the folder, the folders that jobs
    write into, and the folders in these; and all files that Snakemake itself writes, since it writes into whatever has
    their names.

    Args:
        results: results/<scale>.

    Raises:
        UserError: If there is such a link, or something else than a folder, a log or a benchmark.
    """
    nearest_folder(Path(".snakemake"))
    tops = [results / name for name in RESULT_FOLDERS]
    for place in (results.parent, results, *tops, *(link for top in tops for link in _links_in(top))):
        nearest_folder(place)
        if place.is_symlink() and place.is_dir():
            _check_leads_to_files(place)
    for top in ("logs", "benchmarks"):
        for path in files_below(results / top):
            with suppress(FileNotFoundError):  # a job that runs has removed it
                _check_written(path, BENCHMARK if top == "benchmarks" else b"")


def _check_written(path: Path, start: bytes) -> None:
    """Refuse a FIFO, for which Snakemake would wait; a link, through which it would write; and any other text."""
    if not stat.S_ISREG(path.lstat().st_mode):
        what = "a link" if path.is_symlink() else "no regular file"
        raise UserError(f"{shown(path)}: is {what}, but Snakemake writes there; remove it")
    try:
        with open_regular(path) as stream:
            found = stream.read(len(start))
    except UserError:
        path.lstat()
        raise
    if found.strip(b"\0") and found != start:
        raise UserError(f"{shown(path)}: is no benchmark, but Snakemake would write over it; move it elsewhere")


def _check_leads_to_files(link: Path) -> None:
    """Refuse a link to a folder such as /proc, in which no file can be made; a read-only one may be shared."""
    if of_system(link):
        raise UserError(
            f"{shown(link)}: leads to {shown(os.path.realpath(link))}, which is of the system; remove the link"
        )
    try:
        with tempfile.TemporaryFile(dir=link):
            pass
    except FileNotFoundError as error:
        raise UserError(
            f"{shown(link)}: leads to {shown(os.path.realpath(link))}, where no file can be made; remove the link"
        ) from error
    except OSError:
        return


def _links_in(top: Path) -> list[Path]:
    """Return the links in a folder that stand for folders: results have a suffix, and their folders have none."""
    try:
        return sorted(path for path in top.iterdir() if path.is_symlink() and "." not in path.name)
    except OSError:
        return []


def home_path(given: str | Path) -> Path:
    """Return a path with `~` and `~user` replaced. Given again, it is the same.

    Raises:
        UserError: If there is no such user, or nobody knows the home folder.
    """
    expanded = os.path.expanduser(given)
    if str(expanded).startswith("~"):
        user = Path(expanded).parts[0]
        raise UserError(
            f"{shown(given)}: the home folder of {shown(user)} is not known; write the whole path, or "
            f"./{shown(user)} if it is a name"
        )
    path = Path(expanded)
    # Path drops the ./ of ./~, and ~ alone would be a home folder to whoever reads it next.
    return Path.cwd() / path if str(path).startswith("~") else path


def _mode(path: Path) -> int | None:
    """Return kind and permissions of what lies at a path, links followed; None where nothing does.

    Raises:
        UserError: If no file can have this path.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise UserError(f"{shown(str(path)[:60])}: no file can have this name ({said}); {REMEDY}") from error
