import matplotlib.pyplot as plt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.reporting import style


def test_no_two_methods_look_the_same():
    assert len(set(style.STYLES.values())) == len(style.STYLES)
    # In grey print, a marker and its filling must tell apart what the colour no longer does.
    assert len({(look.marker, look.hollow) for look in style.STYLES.values()}) == len(style.STYLES)


@pytest.mark.parametrize("base", ["DRL", "VDRL", "Score features"])
def test_a_variant_keeps_its_method_s_colour_and_has_another_line(base):
    plain, variant = style.STYLES[base], style.STYLES[f"{base} (EDM)"]
    assert (plain.colour, plain.marker) == (variant.colour, variant.marker)
    assert plain.dashes != variant.dashes
    assert plain.marker_options()["markerfacecolor"] != variant.marker_options()["markerfacecolor"]


@given(st.integers(1, 12), st.floats(1, 15))
def test_a_legend_has_room_for_all_names(names, width):
    columns, rows = style.legend_shape(["SimCLR-Gauss"] * names, width)
    assert (rows - 1) * columns < names <= rows * columns
    assert 1 <= columns <= 5


@pytest.mark.parametrize("width", [3.0, 4.1, 5.6, 8.2, 11.6])
@pytest.mark.parametrize("count", [2, 6, 8, 10, 12])
def test_the_legend_stays_inside_the_figure(width, count):
    style.apply()
    figure, axes = plt.subplots(figsize=(width, 2.7))
    for label in list(style.STYLES)[:count]:
        axes.plot([0, 1], [0, 1], label=label)
    style.legend_below(figure, axes)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert not box.overlaps(axes.get_tightbbox())
    plt.close(figure)


@pytest.mark.parametrize(
    ("value", "form", "text"), [(-0.164, ".2f", "−0.16"), (-0.001, ".2f", "0.00"), (-2.0, "g", "−2"), (0.5, "g", "0.5")]
)
def test_a_number_has_the_sign_for_minus_and_no_hyphen(value, form, text):
    assert style.number(value, form) == text


def test_axes_have_the_sign_for_minus():
    style.apply()
    figure, panel = plt.subplots()
    panel.set_xlim(-1, 1)
    figure.draw_without_rendering()
    labels = "".join(label.get_text() for label in panel.get_xticklabels())
    assert "−" in labels
    assert "-" not in labels
    plt.close(figure)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([1, 1], "one seed, so no bands"),
        ([4, 4], "means over n = 4 seeds; bands: ± one standard deviation over them"),
        ([1, 3], "means over n = 1 to 3 seeds; bands: ± one standard deviation over them"),
    ],
)
def test_what_bands_are_and_over_how_many_seeds(seeds, said):
    assert style.spread(pd.DataFrame({"n_seeds": seeds})) == said


def test_a_recipe_with_changed_settings_has_a_mark_beside_that_for_beyond_the_paper():
    figure, panel = style.panels(1, 1, (3, 3))
    for name in ("DRL", "AE", "Mine"):
        panel[0, 0].plot([0, 1], [0, 1], label=name)
    style.legend_below(figure, panel[0, 0], of_paper=True, changed=("AE", "Mine"))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["DRL", "AE ‡", "Mine †‡"]
    assert legend.get_title().get_text() == "† beyond the paper; ‡ with changed settings"
    plt.close(figure)


@pytest.mark.parametrize("label", style.PAPER)
def test_methods_of_the_paper_have_a_look_and_no_mark(label):
    assert label in style.STYLES
    figure, panel = style.panels(1, 1, (3, 3))
    for name in (label, "Score features"):
        panel[0, 0].plot([0, 1], [0, 1], label=name)
    style.legend_below(figure, panel[0, 0], of_paper=True)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [label, "Score features †"]
    assert legend.get_title().get_text() == "† beyond the paper"
    plt.close(figure)
