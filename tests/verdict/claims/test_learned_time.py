"""Claims about the learned t, on made-up runs."""

import pytest

from drl.config.drawings import TrajectoryItem
from tests.verdict.measured import estimates, evidence

ARMS = [
    ("drl_t01", "from 0.1", 0.1, True),
    ("drl", "from 0.5", 0.5, True),
    ("drl_t09_free", "from 0.9, free", 0.9, False),
    ("drl_t05_free", "from 0.5, free", 0.5, False),
]
NAMES = ("name", "label", "t_init", "weight_decay_on_t")
TRAJECTORY = {
    "t_trajectory": TrajectoryItem(
        study="fine_tune",
        datasets=[["cifar10", "CIFAR-10"]],
        arms=[dict(zip(NAMES, arm, strict=True)) for arm in ARMS],
        labels={"cifar10": 100},
    )
}


def learned(arm, metric, values):
    return {"dataset": "cifar10", "arm": arm, "metric": metric}, values


def test_each_start_is_held_against_the_middle_one_of_its_kind():
    cells = [learned("drl_t01", "accuracy", [80]), learned("drl", "accuracy", [85])]
    cells += [learned("drl_t09_free", "accuracy", [90]), learned("drl_t05_free", "accuracy", [89])]
    given = evidence(TRAJECTORY, {"t_trajectory": cells})
    assert estimates("robust_to_start", given) == {"from 0.1 less t = 0.5": -5.0, "from 0.9, free less t = 0.5": 1.0}


def test_where_t_ends_and_what_moved_it():
    cells = [learned("drl_t01", "t", [0.45]), learned("drl_t01", "t_without_gradient", [0.40])]
    cells += [learned("drl_t09_free", "t", [0.85]), learned("drl_t09_free", "t_without_gradient", [0.90])]
    given = evidence(TRAJECTORY, {"t_trajectory": cells})
    assert estimates("t_ends_in_the_middle", given)["from 0.1"] == pytest.approx(-0.05)
    assert estimates("t_ends_in_the_middle_without_decay", given)["from 0.9, free"] == pytest.approx(0.35)
    moved = estimates("t_is_learned", given)
    assert [moved[name] for name in ("from 0.1", "from 0.9, free")] == pytest.approx([0.05, 0.05])
    assert moved["from 0.5"] is None
