"""Signs that the usual font lacks come from an installed font; where none has them, one line says so."""

import matplotlib.pyplot as plt
import pytest
from matplotlib import font_manager

from drl.reporting import fonts, style
from drl.reporting.fonts import use_fonts_that_have

CAT, CUNEIFORM = "猫", "\U00012000"


@pytest.fixture
def drawn():
    """Draws a figure with a title, and a line of a name."""

    def draw(title, name="DRL"):
        figure, axes = style.panels(1, 1, (3, 2))
        axes[0, 0].plot([0, 1], [0, 1], label=name)
        axes[0, 0].set_title(title)
        style.legend_below(figure, axes[0, 0])
        return figure, axes[0, 0].title

    yield draw
    plt.close("all")


def test_what_the_usual_font_has_stays_as_it_is(drawn):
    figure, title = drawn("$t$ = 0.5, é ± σ²")
    family = title.get_fontfamily()
    assert use_fonts_that_have(figure) == ""
    assert title.get_fontfamily() == family
    assert title.get_text() == "$t$ = 0.5, é ± σ²"


def test_other_signs_come_from_a_font_that_has_them(drawn, monkeypatch):
    """Any second font that matplotlib brings is given the sign."""
    known = fonts._signs
    other = font_manager.findfont("STIXGeneral")
    monkeypatch.setattr(fonts, "_signs", lambda path: known(path) | ({ord(CAT)} if path == other else set()) - {0})
    monkeypatch.setattr(fonts, "_installed", lambda: iter([("DejaVu Serif", "none"), ("STIXGeneral", other)]))
    fonts.fonts_for.cache_clear()
    figure, title = drawn(f"{CAT}, $t$ = 5 \\$")
    assert use_fonts_that_have(figure) == ""
    assert title.get_fontfamily()[-1] == "STIXGeneral"
    assert title.get_text() == f"{CAT}, t = 5 $"
    fonts.fonts_for.cache_clear()


@pytest.mark.parametrize(
    ("signs", "package"),
    [(CAT, "fonts-noto-cjk"), ("かな", "fonts-noto-cjk"), (CUNEIFORM, "fonts-noto-core"), ("🐈", "fonts-symbola")],
)
def test_where_no_font_has_a_sign_one_line_says_what_to_install(signs, package, drawn, monkeypatch, tmp_path):
    monkeypatch.setattr(fonts, "_installed", lambda: iter([]))
    fonts.fonts_for.cache_clear()
    figure, _ = drawn("a", f"{signs} b")
    said = use_fonts_that_have(figure)
    assert len(said.splitlines()) == 1
    assert f"no installed font has {' '.join(signs)}, so boxes" in said
    assert f"such as Debian's {package}, and draw again" in said
    style.mark_demo(figure)
    style.remark(figure, said)
    above = " ".join(figure.get_suptitle().split())
    assert above.startswith(f"{style.DEMO_NUMBERS} no installed font")
    style.save(figure, tmp_path / "x.png")
    fonts.fonts_for.cache_clear()


def test_installed_fonts_are_found_and_none_that_cannot_be_drawn():
    found = dict(fonts._installed())
    assert "DejaVu Sans" in found
    assert not any(name.startswith("Last Resort") for name in found)
    assert fonts._signs("/none.ttf") == frozenset()
