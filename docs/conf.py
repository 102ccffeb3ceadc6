"""Configuration of the documentation site: `make docs` writes docs/_build/index.html."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drl import __version__  # noqa: E402  # needs the path above

project = "drl"
author = "The drl developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
# These tables are files to download; the pages beside them show their contents.
exclude_patterns = ["_build", "results/lite/cards", "results/lite/table_*.md"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
# Every heading can be linked to, by the same name as on GitHub.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"drl {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
