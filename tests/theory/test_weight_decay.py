"""Where weight decay takes t, against the optimiser that trains the classifiers."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.laplacenet.schedule import Schedule
from drl.laplacenet.sgd import NesterovSGD
from drl.models.wide_resnet import WideResNet
from drl.pipeline.configuration import resolve
from drl.theory.weight_decay import end, factor, largest_factor, rates

CONFIG = resolve("paper")
STUDY = CONFIG.studies.fine_tune


def paper_schedules():
    return [
        Schedule.of(labels, CONFIG.datasets[dataset].train, STUDY)
        for dataset, budgets in STUDY.labels.items()
        for labels in budgets
    ]


def of(study, given_rates):
    return factor(given_rates, study.weight_decay, study.momentum)


def test_the_factor_is_that_of_the_optimiser():
    lite = resolve("lite").studies.fine_tune
    schedule = Schedule.of(100, 4000, lite)
    network = WideResNet(channels=1, depth=10, width=1, classes=3, nf=2).double()
    with torch.no_grad():
        network.param_t.fill_(math.log(9))
    sgd = NesterovSGD(network, lite, decays_t=True)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for rate in rates(schedule):
        sgd.step(rate)
    found = of(lite, rates(schedule))
    assert sgd.lone_logit.item() == pytest.approx(found * math.log(9), rel=1e-9)
    # Lite's schedule is too short to show what the paper's does.
    assert end(0.1, found) == pytest.approx(0.14, abs=0.005)


def test_on_the_papers_schedules_every_start_ends_in_the_middle():
    need = largest_factor(0.99, 0.4, 0.6)
    last = set()
    for schedule in paper_schedules():
        assert 0 < of(STUDY, rates(schedule)) < 1e-8
        reached = next(n for n in range(1, 40) if of(STUDY, rates(schedule, n)) < need)
        last.add(reached)
    # docs/theory.md and docs/results/mnist5k/fine_tuning.md say so.
    assert (min(last), max(last)) == (9, 27)


def test_without_weight_decay_t_stays():
    schedule = paper_schedules()[0]
    alone = factor(rates(schedule, 30), 0.0, STUDY.momentum)
    assert alone == 1
    for start in (0.1, 0.9):
        assert end(start, alone) == pytest.approx(start)
        assert not 0.4 <= end(start, alone) <= 0.6


@given(st.floats(0.01, 0.99), st.floats(0.0, 1.0))
def test_the_start_furthest_away_decides(start, share):
    need = largest_factor(0.99, 0.4, 0.6)
    assert 0.4 - 1e-9 <= end(start, share * need) <= 0.6 + 1e-9
    assert end(0.99, 1.01 * need) > 0.6


def test_the_factor_is_nearly_an_exponential():
    chosen = list(rates(paper_schedules()[0], 40))
    found = math.log(of(STUDY, chosen))
    assert found == pytest.approx(-STUDY.weight_decay * sum(chosen) / (1 - STUDY.momentum), rel=1e-2)
