"""Claims of Tables 1 to 5, on accuracies whose differences can be worked out in the head."""

import pytest

from drl.config.drawings import FineTuningItem
from drl.verdict.claims.registry import CLAIMS
from tests.verdict.measured import estimates, evidence


def table(*labels):
    return FineTuningItem(
        study="fine_tune",
        number=1,
        datasets=[["cifar10", "CIFAR-10"]],
        labels=[["cifar10", labels]],
        arms=[],
        reading={"epoch": None, "select": "last"},
    )


TWO_PLACES, ONE_PLACE = table(100, 500), table(100)


def accuracy(arm, values, labels=100):
    return {"dataset": "cifar10", "labels": labels, "arm": arm, "metric": "accuracy"}, values


def test_a_gain_is_with_less_without():
    given = evidence({"table_1": ONE_PLACE}, {"table_1": [accuracy("drl", [75, 77]), accuracy("none", [70, 71])]})
    assert estimates("drl_helps", given) == {"100 labels": 5.5}
    assert estimates("vdrl_helps", given) == {"100 labels": None}


def test_runs_of_the_same_seed_and_split_are_paired():
    """Both arms swing by 20 points, their difference does not."""
    given = evidence({"table_1": ONE_PLACE}, {"table_1": [accuracy("drl", [60, 80]), accuracy("none", [55, 75])]})
    (part,) = CLAIMS["drl_helps"].parts(given)
    assert part.estimate.bounds(0.95) == (5.0, 5.0)


def test_most_with_few_labels_compares_the_ends():
    cells = [accuracy("drl", [74]), accuracy("none", [70]), accuracy("drl", [92], 500), accuracy("none", [91], 500)]
    given = evidence({"table_1": TWO_PLACES}, {"table_1": cells})
    assert estimates("most_with_few_labels", given) == {"100 labels less 500": 3.0}


def test_early_is_compared_with_the_end():
    cells = {
        "table_1": [accuracy("drl", [74]), accuracy("none", [73])],
        "table_2": [accuracy("drl", [69]), accuracy("none", [64])],
    }
    given = evidence({"table_1": ONE_PLACE, "table_2": ONE_PLACE}, cells)
    assert estimates("more_early_than_late", given) == {"100 labels": 4.0}


def test_runs_that_one_side_lacks_are_left_out():
    """No run of seed 2 without pretraining: only the common ones are compared, early and late."""
    cells = {
        "table_1": [accuracy("drl", [95, 85, 75]), accuracy("none", [94, 84])],
        "table_2": [accuracy("drl", [65, 55, 45]), accuracy("none", [62, 52])],
    }
    given = evidence({"table_1": ONE_PLACE, "table_2": ONE_PLACE}, cells)
    assert estimates("drl_helps", given) == {"100 labels": 1.0}
    assert estimates("more_early_than_late", given) == {"100 labels": 2.0}


@pytest.mark.parametrize("claim", ["drl_mixup_gains_somewhere", "drl_mixup_loses_somewhere"])
def test_mixup_is_inconsistent_only_over_several_settings(claim):
    cells = [accuracy("drl", [74]), accuracy("drl_mixup", [65]), accuracy("mixup_drl", [70])]
    cells += [accuracy("drl", [94], 500), accuracy("drl_mixup", [95], 500)]
    assert estimates(claim, evidence({"table_5": TWO_PLACES}, {"table_5": cells})) == {
        "mixup in fine-tuning, 100 labels": -9.0,
        "and in pretraining, 100 labels": -4.0,
        "mixup in fine-tuning, 500 labels": 1.0,
        "and in pretraining, 500 labels": None,
    }
    one = estimates(claim, evidence({"table_5": ONE_PLACE}, {"table_5": cells}))
    assert set(one.values()) == {None}


def test_what_the_search_picked_and_what_it_brought():
    picked = {"dataset": "cifar10", "labels": 100, "arm": "drl_search", "metric": "t_init"}, [0.7, 0.9]
    cells = [picked, accuracy("drl_search", [67, 68]), accuracy("drl", [70, 70])]
    given = evidence({"table_3": ONE_PLACE}, {"table_3": cells})
    assert estimates("search_picks_09", given) == {"100 labels": pytest.approx(-0.1)}
    assert estimates("search_no_gain", given) == {"100 labels": -2.5}
