"""Claims of Table 6, on made-up FIDs."""

import pytest

from drl.config.drawings import ItemJob
from tests.verdict.measured import estimates, evidence

FIDS = {
    "gaussian": {0.5: 9.0, 0.7: 4.4, 0.8: 4.2, 1.0: 4.0},
    "uniform_gaussian": {0.5: 6.0, 0.7: 3.8, 0.8: 4.4, 1.0: 5.0},
}


@pytest.fixture
def given():
    cells = [
        ({"dataset": "cifar10", "arm": prior, "t": t, "metric": "fid"}, [fid])
        for prior, fids in FIDS.items()
        for t, fid in fids.items()
    ]
    return evidence({"table_6": ItemJob(study="fid", datasets=[["cifar10", "CIFAR-10"]])}, {"table_6": cells})


def test_steps_that_can_be_left_out_are_held_against_the_whole_gaussian_chain(given):
    both = {"Gaussian, t_init = 0.8": pytest.approx(1.05), "Uniform + Gaussian, t_init = 0.8": pytest.approx(1.1)}
    assert estimates("skip_20_percent", given) == both
    assert estimates("skip_30_percent", given) == {"Uniform + Gaussian, t_init = 0.7": pytest.approx(0.95)}


def test_the_uniform_image_is_judged_below_08_alone(given):
    found = estimates("uniform_better_below_08", given)
    assert found == {"t_init = 0.5": 3.0, "t_init = 0.7": pytest.approx(0.6)}


def test_a_later_start_is_held_against_its_own_whole_chain(given):
    found = estimates("later_start_beats_whole", given)
    assert found["Gaussian, t_init = 0.8"] == pytest.approx(-0.2)
    assert found["Uniform + Gaussian, t_init = 0.7"] == pytest.approx(1.2)
    assert len(found) == 6
