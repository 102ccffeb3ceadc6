"""How the C library gets memory from the system: in large pages, which it keeps.

A training step allocates and frees the memory of each activation. With glibc's defaults, that memory goes back to the
system and comes again, page by page, each time zeroed: 33,000 pages in a step of the paper's size, and 2,700 in one of
scale lite. With these settings it is none, and steps are a tenth faster (docs/performance.md). Results do not change.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

VARIABLE = "GLIBC_TUNABLES"
# glibc reads it when a process starts. A variable that the user has set stays as it is.
SETTINGS = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "hugetlb": 1,  # ask the kernel for its large pages; nothing is reserved
        "mmap_threshold": 2**30,  # below it, memory that is freed is used again
        "trim_threshold": 2**40,  # never give the rest back before the end
        "top_pad": 2**26,  # grow by this much address space at a time; it takes memory only when it is used
    }.items()
)


def start_with_large_pages() -> None:
    """Start this process again with the settings, where the C library knows them and has none."""
    if sys.platform != "linux" or VARIABLE in os.environ or not _is_glibc():
        return
    os.environ[VARIABLE] = SETTINGS
    # If it cannot be started again, it goes on as it is.
    with suppress(OSError):
        os.execv(sys.executable, sys.orig_argv)


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):
        return False
