"""Signs that the usual font of figures lacks, such as Chinese ones: taken from another installed font that has them."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

# How signs' Unicode names begin, and Debian's package of a font that has them; other systems' names are similar.
PACKAGES = {
    "CJK ": "fonts-noto-cjk",
    "HIRAGANA ": "fonts-noto-cjk",
    "KATAKANA": "fonts-noto-cjk",
    "HANGUL ": "fonts-noto-cjk",
    "IDEOGRAPHIC ": "fonts-noto-cjk",
    "FULLWIDTH ": "fonts-noto-cjk",
}
SYMBOLS, OTHERS = "fonts-symbola", "fonts-noto-core"
SHOWN = 8  # signs that are named


def use_fonts_that_have(figure: Figure) -> str:
    """Let every text of a figure fall back on installed fonts that have its signs.

    Texts whose signs the usual font has stay as they are.

    Returns:
        One line that names the signs that no installed font has, and the package to install; empty if there are none.
    """
    lacking: dict[str, None] = {}
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        missing = "".join(dict.fromkeys(sign for sign in text.get_text() if sign.isprintable() and sign not in " $"))
        missing = _not_in(font_manager.findfont(text.get_fontproperties()), missing)
        if missing:
            families, left = fonts_for(missing)
            text.set_fontfamily([*text.get_fontfamily(), *families])
            _without_mathematics(text)
            lacking |= dict.fromkeys(left)
    return _advice("".join(lacking)) if lacking else ""


@cache
def fonts_for(signs: str) -> tuple[tuple[str, ...], str]:
    """Return the families of installed fonts that have some signs, best ones first, and what none has."""
    families: list[str] = []
    fonts = list(_installed()) if signs else []
    while signs:
        found = ((_not_in(path, signs), family) for family, path in fonts)
        left, family = min(found, key=lambda pair: len(pair[0]), default=(signs, ""))
        if left == signs:
            break
        families.append(family)
        signs = left
    return tuple(families), signs


def _installed() -> Iterator[tuple[str, str]]:
    """Yield family and file of fonts, upright ones of normal weight first.

    Matplotlib's list is as old as its cache, so fonts that were installed since are added to it.
    """
    manager = font_manager.fontManager
    for path in sorted({*font_manager.findSystemFonts()} - {entry.fname for entry in manager.ttflist}):
        # A file that matplotlib cannot read is none of its fonts.
        with contextlib.suppress(OSError, RuntimeError, ValueError, AttributeError, NotImplementedError):
            manager.addfont(path)
    entries = [entry for entry in manager.ttflist if not entry.name.startswith("Last Resort")]
    for entry in sorted(entries, key=lambda e: (e.style != "normal", abs(_weight(e.weight) - 400), e.name, e.fname)):
        yield entry.name, entry.fname


def _weight(weight: str | int) -> int:
    return weight if isinstance(weight, int) else font_manager.weight_dict.get(weight, 400)


def _not_in(path: str, signs: str) -> str:
    """Return those of some signs that a font lacks."""
    known = _signs(path)
    return "".join(sign for sign in signs if ord(sign) not in known)


@cache
def _signs(path: str) -> frozenset[int]:
    try:
        font = font_manager.get_font(path)
        # Fonts of pictures, such as coloured emoji, cannot be drawn.
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError, ValueError):
        return frozenset()


def _without_mathematics(text: Text) -> None:
    """Write $t$ as t: matplotlib's mathematics falls back on no other font."""
    words = re.sub(r"(?<!\\)\$((?:[^$\\]|\\.)*)(?<!\\)\$", r"\1", text.get_text())
    text.set_parse_math(False)
    text.set_text(words.replace(r"\$", "$"))


def _advice(signs: str) -> str:
    packages = sorted({_package(sign) for sign in signs})
    more = f" and {len(signs) - SHOWN} more" if len(signs) > SHOWN else ""
    return (
        f"no installed font has {' '.join(signs[:SHOWN])}{more}, so boxes stand for them: install one that has, such "
        f"as Debian's {' and '.join(packages)}, and draw again"
    )


def _package(sign: str) -> str:
    name = unicodedata.name(sign, "")
    known = (package for start, package in PACKAGES.items() if name.startswith(start))
    return next(known, SYMBOLS if unicodedata.category(sign).startswith("S") else OTHERS)
