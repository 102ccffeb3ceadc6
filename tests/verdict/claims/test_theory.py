"""Claims of the theory, on made-up losses."""

import pytest

from drl.config.drawings import ItemJob
from tests.verdict.measured import estimates, evidence


@pytest.fixture
def given():
    cells = [({"recipe": "exact", "t": t, "metric": "constant_quadrature"}, [c]) for t, c in ((0.0, 2.0), (1.0, 4.0))]
    for recipe, metric, values in (
        ("unconditional", "identity_gap", (0.02, -0.01)),
        ("drl", "excess", (-1.0, -3.0)),
    ):
        cells += [({"recipe": recipe, "t": t, "metric": metric}, [v]) for t, v in zip((0.0, 1.0), values, strict=True)]
    cells += [
        ({"recipe": "drl", "t": 1.0, "metric": "reconstruction_error"}, [0.05]),
        ({"recipe": "ae", "metric": "reconstruction_error"}, [0.03]),
        ({"recipe": "drl", "arm": "best_t", "metric": "test_accuracy"}, [94.0]),
        ({"recipe": "drl", "t": 1.0, "metric": "test_accuracy"}, [93.0]),
        ({"recipe": "ae", "metric": "test_accuracy"}, [90.0]),
    ]
    return evidence({"theory": ItemJob(study="theory", datasets=())}, {"theory": cells})


def test_gap_and_excess_are_in_percent_of_the_constant_at_each_t(given):
    assert estimates("loss_has_a_floor", given) == {"unconditional": pytest.approx(0.375)}
    assert estimates("code_goes_below", given) == {"DRL": pytest.approx(-62.5)}


def test_the_code_at_1_is_held_against_an_autoencoder_s(given):
    assert estimates("code_at_1_like_autoencoder", given) == {"DRL at t = 1 less AE": pytest.approx(0.02 / 0.03)}
    assert estimates("curve_at_least_as_good", given) == {"best t less t = 1": 1.0, "best t less AE": 4.0}
