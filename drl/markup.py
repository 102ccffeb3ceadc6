"""Text that a user gave, such as the title of a dataset or the name of a folder, as it is in the markup of pages.

Nothing in such a text may act as markup: a folder may be called `p</script>`, `pets_`, `|x|`, `b{x}` or `$x$`.
"""

from __future__ import annotations

import re
import unicodedata

from drl.errors import is_line

_WIDE = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in r"""!"#$%'*/:;<=>?@[\]^_`{|}~"""})
_ANGLES_AND_BRACES = {ord(sign): _WIDE[ord(sign)] for sign in "<>{}"}

# Stand on pictures of scale demo.
_DEMO = "scale demo: shows that the machinery works"
DEMO_NUMBERS, DEMO_SAMPLES = f"{_DEMO}; the numbers are no evidence", f"{_DEMO}; its samples are noise"


def line(text: str) -> str:
    """Return a text as one line without surrounding blanks; signs that no line can have become �."""
    return "".join(sign if is_line(sign) else "�" for sign in " ".join(text.split()))


def rst(text: str) -> str:
    """Return a text for reStructuredText: no role, link, emphasis, list or directive begins in it."""
    # Links need no brackets: docutils makes one of `javascript:x` and of `a_`.
    text = re.sub(r"(?<![^\W_])_|_(?![^\W_])|[^\w\s,.;'()/%=+&#!?-]", r"\\\g<0>", line(text))
    text = re.sub(r"^[^\w\s\\]", r"\\\g<0>", text)
    text = re.sub(r"^(\w+)([.)])(?=\s|$)", r"\1\\\2", text)
    # A line of backslashes would be a rule. An escaped blank is nothing.
    return text if text.strip("\\") else rf"\ {text}"


def rst_code(text: str) -> str:
    """Return a text for reStructuredText as code, or in quotes if it has signs that would end the code."""
    text = line(text)
    return f"“{rst(text)}”" if not text or "`" in text or text.endswith("\\") else f"``{text}``"


def markdown(text: str) -> str:
    """Return a text for the middle of a line of Markdown: no HTML, link, emphasis, formula or table begins in it."""
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])|[\\`*<>\[\]|~$]|&(?=#?\w+;)", r"\\\g<0>", line(text))


def markdown_code(text: str) -> str:
    """Return a text for Markdown as code."""
    text = line(text)
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    blank = " " if "`" in text else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def label(text: str) -> str:
    """Return a text for Snakemake's labels, which know no escapes: < and { would end a script or begin a wildcard.

    The wide forms of these signs stand for them.
    """
    return line(text).translate(_ANGLES_AND_BRACES)


def category(text: str) -> str:
    """Return a text for Snakemake's categories: as `label`, and they become names of links and words of a script."""
    return line(text).translate(_WIDE)


def json_in_script(text: str) -> str:
    r"""Return JSON text that may stand in a script of an HTML page: < is written as \u003c, which reads the same."""
    return text.replace("<", r"\u003c")


def figure(text: str) -> str:
    """Return a text for matplotlib: $ is no mathematics, and a legend does not leave out what begins with _."""
    text = line(text).replace("$", r"\$")
    # A hair space before it.
    return f"\u200a{text}" if text.startswith("_") else text


def width(text: str) -> int:
    """Return how many letters wide a text is: Chinese, Japanese and Korean signs are as wide as two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
