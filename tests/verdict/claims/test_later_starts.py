"""Claims of Table 6, on made-up FIDs."""

import pytest

from drl.config.drawings import ItemJob
from drl.verdict.claims import later_starts
from tests.verdict.measured import estimates, evidence

FIDS = {
    "gaussian": {0.5: 9.0, 0.7: 4.4, 0.8: 4.2, 1.0: 4.0},
    "uniform_gaussian": {0.5: 6.0, 0.7: 3.8, 0.8: 4.4, 1.0: 5.0},
}


def measured(priors):
    cells = [
        ({"dataset": "cifar10", "arm": prior, "t": t, "metric": "fid"}, [fid])
        for prior, fids in priors.items()
        for t, fid in fids.items()
    ]
    return evidence({"table_6": ItemJob(study="fid", datasets=[["cifar10", "CIFAR-10"]])}, {"table_6": cells})


@pytest.fixture
def given():
    return measured(FIDS)


@pytest.mark.parametrize("claim", later_starts.CLAIMS, ids=lambda claim: claim.name)
def test_a_prior_beyond_the_paper_decides_no_claim(given, claim):
    """Its later starts are better than all others, and its whole chain is worse: each claim would change."""
    ours = {"mean_image": {0.5: 0.1, 0.7: 0.2, 0.8: 0.3, 1.0: 9.0}}
    for more in (FIDS | ours, ours | FIDS):
        assert estimates(claim.name, measured(more)) == estimates(claim.name, given)
        assert estimates(claim.name, given)


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
