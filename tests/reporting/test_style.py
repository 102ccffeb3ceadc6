import matplotlib.pyplot as plt
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
