"""How the pages of this folder become a site: `make docs` writes docs/_build/index.html."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drl import __version__  # noqa: E402  # where the project lies is known only now

project = "drl"
author = "The drl developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
# The tables lie there as files to download; the pages beside them show what is in them.
exclude_patterns = ["_build", "results/lite/cards", "results/lite/table_*.md"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
# Every heading can be linked to, by the name that GitHub gives it too.
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"drl {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
