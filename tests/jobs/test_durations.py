"""Times for readers."""

import math

import pytest

from drl.jobs.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0 s"), (0.4, "<1 s"), (20.4, "20 s"), (119, "119 s"), (120, "2 min"), (840, "14 min")),
        *((3569, "59 min"), (3571, "1 h"), (6600, "1 h 50 min"), (7199, "2 h"), (86399, "24 h")),
        *((37.2 * 3600, "37 h"), (23_712 * 3600, "23,700 h"), (math.nan, "?")),
    ],
)
def test_a_time_is_in_the_unit_that_people_read(seconds, text):
    assert duration(seconds) == text
