"""A broken axis shows every line, and is broken by where lines are, not by their names."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.reporting import style
from drl.reporting.broken_axis import LOWER, Extent, break_axis, lowest_of_the_rest

HIGH = [Extent(low, 96) for low in (77, 78, 92, 92, 94, 94, 91)]
EXTENTS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda ends: Extent(*sorted(ends))), max_size=16)


@pytest.fixture
def panel():
    style.apply()
    figure, axes = plt.subplots(1, 2, figsize=(5, 2.7), sharey=True)
    yield axes
    plt.close(figure)


@pytest.mark.parametrize(
    ("lines", "lowest"),
    [
        ([*HIGH, Extent(11, 94)], 77),
        ([*HIGH[1:], Extent(11, 94), Extent(30, 40)], 78),
        (HIGH, None),
        # Three of ten lines are no exception.
        ([*HIGH, Extent(11, 94), Extent(12, 40), Extent(13, 40)], None),
        # The others need more than half of the axis anyway.
        ([*HIGH, Extent(65, 94)], None),
        ([Extent(80, 90), Extent(10, 20)], None),
        ([Extent(5, 5)] * 8, None),
        ([*[Extent(5, 5)] * 8, Extent(1, 2)], None),
        ([], None),
    ],
)
def test_the_rule(lines, lowest):
    assert lowest_of_the_rest(lines) == lowest


@given(EXTENTS, st.randoms())
def test_the_order_of_the_lines_plays_no_part(lines, random):
    shuffled = list(lines)
    random.shuffle(shuffled)
    assert lowest_of_the_rest(shuffled) == lowest_of_the_rest(lines)


@given(EXTENTS)
def test_at_most_a_quarter_is_left_out_and_the_rest_needs_at_most_half(lines):
    lowest = lowest_of_the_rest(lines)
    if lowest is not None:
        assert 0 < sum(line.low < lowest for line in lines) <= len(lines) / 4
        top, bottom = max(line.high for line in lines), min(line.low for line in lines)
        assert top - lowest <= (top - bottom) / 2


@pytest.mark.parametrize("far", [11.0, -250.0, 38.0])
def test_the_others_get_most_of_the_axis_and_nothing_is_left_out(panel, far):
    left, right = panel
    assert break_axis(left, [*HIGH, Extent(far, 94)])
    for part in (left, right):
        place = part.transAxes.inverted().transform(part.transData.transform([(0, y) for y in (far, 77, 96)]))[:, 1]
        assert 0 < place[0] < LOWER < place[1] < place[2] < 1
        assert place[2] - place[1] > 0.65
    assert np.isfinite(left.transData.transform([(0, far - 10), (0, 200)])).all()


@pytest.mark.parametrize("far", [11.0, -250.0, 38.0, 36.5])
def test_labels_of_ticks_do_not_touch_and_both_parts_have_some(panel, far):
    left, _ = panel
    break_axis(left, [*HIGH, Extent(far, 94)])
    left.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in left.get_yticklabels()]
    assert all(not one.overlaps(other) for k, one in enumerate(boxes) for other in boxes[:k])
    ticks = left.get_yticks()
    assert min(ticks) < 76 < max(ticks)
    assert sum(tick > 76 for tick in ticks) >= 2


def test_an_axis_without_such_lines_stays_as_it_is(panel):
    left, _ = panel
    left.plot([0, 1], [77, 96])
    before = (left.get_ylim(), left.get_yscale(), len(left.get_lines()))
    assert not break_axis(left, HIGH)
    assert (left.get_ylim(), left.get_yscale(), len(left.get_lines())) == before
