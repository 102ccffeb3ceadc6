"""Links and pictures on the first page of the report, which show results inside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from drl.data.regular import read_regular
from drl.markup import line, rst

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
# A picture on the first page is in the report twice.
MOST_BYTES = 2**20
# docutils refuses lines of more than 10,000 letters.
LETTERS = 8000
BACK = "The house at the top of the menu leads back to this page."


def link(text: str, path: str) -> str:
    """Return a link in reStructuredText that shows a file of the report.

    Args:
        text: What is clicked, any text.
        path: The file, as Snakemake calls it.
    """
    return f"`{rst(text)} <{opens(path)}>`__"


def opens(path: str) -> str:
    """Return the address that shows a file of the report: a figure, and the text below it beside.

    Snakemake's own address of a file shows its text only, and nothing of the picture.
    """
    # The browser decodes it before it runs it.
    word = quote(json.dumps(path), safe="/")
    if Path(path).suffix not in PICTURES:
        return f"javascript:app.showResultInfo({word})"
    view = f"navbarMode:'resultinfo',resultPath:{word},content:'img',contentPath:results[{word}].data_uri"
    return f"javascript:app.setView({{{view}}})"


def picture(path: str, about: str) -> Iterator[str]:
    """Yield a figure as it stands on the page; a click opens it as `link` does. Nothing if the file is empty or large.

    Args:
        path: The file, as Snakemake calls it: relative to the folder where it runs.
        about: What a reader hears who cannot see it.
    """
    file = Path(path)
    if file.suffix not in PICTURES or not file.is_file() or not 0 < file.stat().st_size <= MOST_BYTES:
        return
    data = base64.b64encode(read_regular(file, MOST_BYTES)).decode()
    yield f".. image:: data:{PICTURES[file.suffix]};base64,"
    yield from (f"   {data[start : start + LETTERS]}" for start in range(0, len(data), LETTERS))
    yield from (f"   :alt: {line(about)}", f"   :target: {opens(path)}", "")
