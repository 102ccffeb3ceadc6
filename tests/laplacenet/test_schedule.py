import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.errors import UserError
from drl.laplacenet.schedule import Schedule
from drl.pipeline.configuration import resolve

PAPER = resolve("paper").studies.fine_tune


# Outer epochs as they follow from the authors' code with its job scripts' settings.
@pytest.mark.parametrize(
    ("labels", "epochs"),
    [(100, 260), (500, 262), (1000, 264), (2000, 268), (4000, 277), (10000, 310), (20000, 393)],
)
def test_the_paper_s_number_of_epochs(labels, epochs):
    schedule = Schedule.of(labels, 50000, PAPER)
    assert schedule.epochs == epochs
    total = sum(schedule.steps(epoch) for epoch in range(epochs))
    assert total <= 250000 < total + schedule.semi_steps


def test_steps_and_passes():
    schedule = Schedule.of(450, 50000, PAPER)
    assert [schedule.steps(epoch) for epoch in (0, 9, 10, 200)] == [40, 40, 991, 991]
    assert schedule.pass_steps == 4


def test_the_rate_is_a_cosine_that_starts_anew_with_each_pass():
    schedule = Schedule.of(450, 50000, PAPER)
    for epoch, step, done in [
        (0, 0, 0.0),
        (0, 3, 0.75),
        (0, 4, 0.0),
        (9, 39, 9.75),
        (10, 0, 10.0),
        (100, 500, 100 + 500 / 991),
    ]:
        expected = 0.03 * 0.5 * (1 + math.cos(math.pi * done / (schedule.epochs + 10)))
        assert schedule.rate(epoch, step) == pytest.approx(expected, rel=1e-12)


@given(st.integers(100, 2000), st.integers(4000, 60000))
def test_rates_of_semi_supervised_epochs_only_fall_and_stay_above_zero(labels, images):
    schedule = Schedule.of(labels, images, PAPER)
    last = schedule.epochs - 1
    rates = [schedule.rate(epoch, step) for epoch in (10, last // 2, last) for step in (0, schedule.semi_steps - 1)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0


@pytest.mark.parametrize(("most", "steps"), [(78, 78), (998, 998), (999, 998), (None, 998)])
def test_an_epoch_can_be_shorter_than_a_pass_but_not_longer(most, steps):
    schedule = Schedule.of(100, 50000, PAPER.model_copy(update={"epoch_steps": most}))
    assert schedule.semi_steps == steps
    assert schedule.epochs == 10 + (250_000 - 100) // steps


@pytest.mark.parametrize(
    ("labels", "images", "changes", "line"),
    [
        (99, 50000, {}, "99 labels do not fill a batch of 100"),
        (4960, 5000, {}, "40 images without a label do not fill their 50 places"),
        (100, 50000, {"steps": 1097}, "give at least 1098"),
    ],
)
def test_a_schedule_without_steps_is_refused(labels, images, changes, line):
    with pytest.raises(UserError, match=line):
        Schedule.of(labels, images, PAPER.model_copy(update=changes))


def test_as_few_steps_as_the_error_names_will_do():
    assert Schedule.of(100, 50000, PAPER.model_copy(update={"steps": 1098})).epochs == 11
