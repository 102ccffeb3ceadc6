"""Configuration of the documentation site: `make docs` writes docs/_build/index.html."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import MathError, tex2mathml
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drl import __version__  # noqa: E402  # needs the path above

project = "drl"
author = "The drl developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]  # the latter two for api.md
source_suffix = {".md": "markdown"}
root_doc = "index"
# These tables are files to download; the pages beside them show their contents.
exclude_patterns = ["_build", "results/mnist5k/cards", "results/mnist5k/table_*.md", "results/lite/tables"]
nitpicky = True
# Other packages' pages are on other sites, and what api.md leaves out has no place to link to.
nitpick_ignore_regex = [("py:class", r"(collections|numpy|pathlib|torch|drl\.config|drl\.diffusion)\..*")]

# Types stand with the arguments, where there is room for them, and by short names.
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
# Docstrings mark code by single backticks, as Markdown does.
default_role = "code"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
# Every heading can be linked to, by the same name as on GitHub.
myst_heading_anchors = 4

# Formulas are MathML, which browsers show without a script; MathJax would be fetched from another site.
html_math_renderer = "mathml"

html_theme = "furo"
html_title = f"drl {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False


def setup(app: Any) -> None:
    """Add the renderer of formulas; a formula that it cannot read is a warning."""

    def show(translator: Any, node: nodes.Element) -> None:
        try:
            block = isinstance(node, nodes.math_block)
            translator.body.append(tex2mathml(node.astext(), as_block=block))
        except MathError as error:
            logging.getLogger(__name__).warning("%s in %s", error, node.astext(), location=node)
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", inline_renderers=(show, None), block_renderers=(show, None))
