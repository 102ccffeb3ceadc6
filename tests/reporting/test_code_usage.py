"""The lines of code_usage are told apart without their colours."""

from itertools import pairwise

import pandas as pd
import pytest

from drl.config.drawings import ItemJob
from drl.reporting.code_usage import draw

TIMES = (0.1, 0.3, 0.5, 0.7, 0.9)
SETTINGS = ItemJob(
    study="pretrain", drawn_by="code_usage", scale="lite", datasets=[["a", "Data A"]], recipes=[["drl", "DRL"]]
)


def test_each_t_has_a_marker_of_its_own_and_the_legend_names_it():
    cells = {"dataset": "a", "recipe": "drl", "sd": 0.0, "n_seeds": 1}
    losses = {"loss_own_code": lambda t: 1.0, "loss_other_code": lambda t: 1 + t}
    numbers = pd.DataFrame(
        cells | {"t": t, "step": step, "metric": metric, "mean": loss(t)}
        for t in TIMES
        for step in (1, 2)
        for metric, loss in losses.items()
    )
    picture = draw(numbers, SETTINGS)
    lines = [line for line in picture.axes[0].lines if len(line.get_xdata()) == 2 and line.get_marker() != "None"]
    assert [line.get_ydata()[0] for line in lines] == pytest.approx([100 * t for t in TIMES])
    assert len({line.get_marker() for line in lines}) == len(TIMES)
    assert all(one.get_linestyle() != other.get_linestyle() for one, other in pairwise(lines))
    (legend,) = picture.legends
    assert [text.get_text() for text in legend.get_texts()] == [f"{t:g}" for t in TIMES]
    for handle, line in zip(legend.legend_handles, lines, strict=True):
        assert (handle.get_marker(), handle.get_linestyle()) == (line.get_marker(), line.get_linestyle())
