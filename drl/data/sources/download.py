"""Download files into a cache folder with torchvision's tools: md5 is checked, and failures are retried twice."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from drl.data.compatibility import make_torchvision_importable
from drl.data.regular import of_system, shown
from drl.errors import UserError
from drl.out_places import check_folder_place, home_path

PAUSES = (5.0, 20.0)
SILENT_SECONDS = 60.0  # the longest that a server may send nothing
# What a download raises: HTTPException where a server ends its answer too soon.
NETWORK_ERRORS = (OSError, HTTPException)


@contextmanager
def bounded_silence() -> Iterator[None]:
    """End a download in the block with TimeoutError, an OSError, if its server falls silent: libraries set no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def cache_folder() -> Path:
    """Return the folder of downloads: `$DRL_DATA` if set, else `~/.cache/drl`.

    Raises:
        UserError: If nobody knows the home folder, or `$DRL_DATA` is a place of the system.
    """
    given = os.environ.get("DRL_DATA")
    try:
        folder = home_path(given or "~/.cache/drl")
        if given and of_system(folder):
            raise UserError(f"{shown(folder)}: is of the system, like all in /dev, /proc and /sys")
        return folder
    except UserError as error:
        raise UserError(f"{error}; set DRL_DATA to a folder of yours") from error


def fetch(url: str, folder: Path, md5: str, extract: bool = False) -> None:
    """Download one file into `folder`, unless it is there already with this md5. Extract it if `extract` is set.

    Raises:
        UserError: If three attempts failed.
    """
    try:
        check_folder_place(folder)
    except UserError as error:
        raise UserError(f"{error}: set DRL_DATA to a folder of yours") from error
    make_torchvision_importable()
    from torchvision.datasets.utils import download_and_extract_archive, download_url

    if extract:
        attempt(lambda: download_and_extract_archive(url, str(folder), md5=md5), url, folder)
    else:
        attempt(lambda: download_url(url, str(folder), md5=md5), url, folder)


def attempt(
    action: Callable[[], None],
    url: str,
    folder: Path,
    pauses: Sequence[float] = PAUSES,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run `action`. If the network fails or falls silent, wait and try again, once for each pause (in seconds).

    Raises:
        UserError: If the last attempt failed too. It names the address, the reason and the folder to fill by hand.
    """
    for pause in (*pauses, None):
        try:
            with bounded_silence():
                return action()
        # torchvision raises RuntimeError for a wrong md5; a damaged archive raises EOFError or a subclass of OSError.
        except (*NETWORK_ERRORS, RuntimeError, EOFError) as error:
            if pause is None:
                raise UserError(
                    f"{url} could not be downloaded in {len(pauses) + 1} attempts ({error}): put the files into "
                    f"{folder} by hand, or set the data set's `folder`"
                ) from error
            print(f"drl: {url}: {error}; trying again in {pause:g} s", file=sys.stderr, flush=True)
            sleep(pause)
