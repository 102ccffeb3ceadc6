"""Claims of Figures 4, 5 and 9 to 11, on made-up curves."""

import pytest

from drl.config.drawings import ProbeItem
from drl.verdict.claims.registry import CLAIMS
from tests.verdict.measured import estimates, evidence

RECIPES = [[name, name.upper()] for name in ("drl", "vdrl", "ae", "vae", "dae", "cdae", "simclr", "simclr_gauss")]
FIGURE = ProbeItem(study="probe", datasets=[["digits", "Digits"]], recipes=RECIPES, budgets={"digits": 100})


def curve(recipe, *by_time, validation=None):
    """Accuracies at t = 0, 0.5 and 1, each a list over seeds; on validation images the same, unless given."""
    cells = []
    for metric, numbers in (("test_accuracy", by_time), ("val_accuracy", validation or by_time)):
        axes = {"dataset": "digits", "recipe": recipe, "metric": metric}
        cells += [(axes | {"t": t}, values) for t, values in zip((0.0, 0.5, 1.0), numbers, strict=True)]
    return cells


def chosen(recipe, values):
    return [({"dataset": "digits", "recipe": recipe, "arm": "chosen", "metric": "test_accuracy"}, values)]


def given(cells, item="figure_4"):
    return evidence({item: FIGURE}, {item: cells})


def test_each_is_read_at_its_own_best_t():
    found = given(curve("drl", [80], [95], [90]) + curve("dae", [93], [60], [50]))
    assert estimates("drl_beats_autoencoders", found)["DRL over DAE"] == 2.0
    assert estimates("drl_beats_autoencoders", found)["VDRL over DAE"] is None


def test_validation_chooses_and_the_test_images_are_read_there():
    cells = curve("drl", [80], [95], [90], validation=([70], [60], [50])) + curve("dae", [93], [60], [50])
    assert estimates("drl_beats_autoencoders", given(cells))["DRL over DAE"] == -13.0


def test_without_validation_accuracies_the_chosen_probe_is_read_or_nothing():
    tests = [cell for cell in curve("drl", [80], [95], [90]) if cell[0]["metric"] == "test_accuracy"]
    dae = curve("dae", [93], [60], [50])
    (part, *_) = [p for p in CLAIMS["drl_beats_autoencoders"].parts(given(tests + dae)) if p.name == "DRL over DAE"]
    assert part.estimate is None
    assert "set studies.probe.validation: true" in part.note
    found = given(tests + dae + chosen("drl", [94]))
    assert estimates("drl_beats_autoencoders", found)["DRL over DAE"] == 1.0
    assert estimates("drl_beats_autoencoders_at_several_t", found)["DRL over DAE"] is None


def test_edm_s_objective_is_a_claim_of_its_own_beyond_the_paper():
    recipes = [*RECIPES, ["drl_edm", "DRL (EDM)"], ["vdrl_edm", "VDRL (EDM)"]]
    settings = {"figure_4": FIGURE.model_copy(update={"recipes": recipes})}
    cells = curve("drl", [80], [85], [82]) + curve("drl_edm", [80], [95], [90]) + curve("ae", [90], [90], [90])
    both = evidence(settings, {"figure_4": cells})
    assert estimates("drl_beats_autoencoders", both)["DRL over AE"] == -5.0
    assert estimates("drl_beats_autoencoders_edm", both)["DRL (EDM) over AE"] == 5.0
    assert CLAIMS["drl_beats_autoencoders_edm"].beyond
    assert not CLAIMS["drl_beats_autoencoders"].beyond


@pytest.mark.parametrize(
    ("claim", "item"),
    [("simclr_beats_all", "figure_4"), ("simclr_beats_all_few_labels", "figure_9")],
)
def test_simclr_is_held_against_every_other(claim, item):
    cells = curve("simclr", [97], [97], [97]) + curve("drl", [80], [95], [90])
    found = estimates(claim, given(cells, item))
    assert found["SIMCLR over DRL" if item == "figure_4" else "SIMCLR over DRL, 100 labels"] == 2.0
    assert len([name for name in found if name.startswith("SIMCLR over")]) == (7 if item == "figure_4" else 5)


@pytest.mark.parametrize(
    ("claim", "item"),
    [("simclr_gauss_beaten", "figure_4"), ("simclr_gauss_beaten_few_labels", "figure_10")],
)
def test_simclr_with_noise_alone_is_beaten(claim, item):
    cells = curve("simclr_gauss", [70], [70], [70]) + curve("vdrl", [80], [95], [90])
    values = [value for value in estimates(claim, given(cells, item)).values() if value is not None]
    assert values == [25.0]


def test_several_t_is_the_third_best():
    found = given(curve("drl", [80], [95], [90]) + curve("dae", [75], [60], [50]))
    assert estimates("drl_beats_autoencoders_at_several_t", found)["DRL over DAE"] == 5.0


def test_flat_is_the_range_within_each_seed():
    """Seeds are 10 apart, but each curve is flat to within 1."""
    found = given(curve("ae", [80, 90], [81, 90], [80.5, 91]))
    assert estimates("autoencoders_flat", found)["AE"] == 1.0


def test_dae_and_cdae_are_read_at_the_ends():
    found = given(curve("dae", [90], [80], [30]) + curve("cdae", [30], [99], [85]))
    assert list(estimates("dae_falls", found).values()) == [-60.0]
    assert list(estimates("cdae_rises", found).values()) == [55.0]


def test_the_best_t_is_held_against_the_last_of_the_same_model():
    found = given(curve("drl", [80, 82], [95, 96], [90, 93]))
    assert estimates("best_t_beats_last", found)["DRL"] == 4.0


def test_figure_5_has_names_of_its_own():
    recipes = [[name, name] for name in ("drl_vp", "vdrl_vp", "ae", "vae", "dae_vp", "cdae_vp", "simclr_gauss")]
    settings = {"figure_5": FIGURE.model_copy(update={"recipes": recipes})}
    cells = curve("drl_vp", [80], [95], [90]) + curve("cdae_vp", [30], [60], [85])
    found = estimates("drl_beats_autoencoders_vp", evidence(settings, {"figure_5": cells}))
    assert found["drl_vp over cdae_vp"] == 10.0
