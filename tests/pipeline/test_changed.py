import pytest

from drl.pipeline.changed import differs
from drl.pipeline.configuration import resolve
from drl.pipeline.registry import STEPS


def changed(item, *sets):
    """Return the legend names that Figure 4, say, marks."""
    return STEPS["figure"].settings_for(resolve("demo", sets=sets), {"item": item}).changed


def test_nothing_is_marked_without_changes():
    assert changed("figure_4") is None
    assert changed("figure_4", "seeds=[7]", "studies.probe.epochs=1") is None, "these are no settings of recipes"
    assert changed("figure_4", "recipes.ae.label=Autoencoder") is None, "the label is no setting"


def test_a_recipe_and_those_that_inherit_the_change_are_marked():
    assert changed("figure_4", "recipes.simclr_gauss.batch_size=7") == ("SimCLR-Gauss",)
    found = changed("figure_4", "recipes.drl.iterations=7")
    assert {"DRL", "VDRL", "AE"} <= set(found)
    assert "SimCLR" not in found, "its file sets its own number"


@pytest.mark.parametrize(("dataset", "marked"), [("digits", True), ("mnist5k", False)])
def test_a_change_for_one_dataset_counts_where_that_dataset_is_shown(dataset, marked):
    config = resolve("demo", sets=[f"recipes.simclr.for_dataset.{dataset}.iterations=7"])
    assert differs(config, "simclr", ["digits"]) == marked


def test_a_member_that_the_sweep_does_not_have_is_marked():
    config = resolve("demo", sets=["recipes.drl_nd.sweep.d=[2,5]"])
    assert not differs(config, "drl_nd-d2", ["digits"])
    assert differs(config, "drl_nd-d5", ["digits"])


def test_a_recipe_of_your_own_is_marked_only_under_a_known_label():
    own = ["recipes.mine.inherits=drl", "recipes.mine.iterations=7"]
    assert not differs(resolve("demo", sets=[*own, "recipes.mine.label=Mine"]), "mine", ["digits"])
    assert differs(resolve("demo", sets=own), "mine", ["digits"])


def test_a_study_marks_too_and_unmarked_settings_are_as_before():
    plain = STEPS["study_few_shot"].settings_for(resolve("demo", sets=["dataset=digits"]), {"dataset": "digits"})
    assert "changed" not in plain.slice(), "every figure would be drawn again"
    config = resolve("demo", sets=["dataset=digits", "recipes.ae.iterations=7"])
    assert STEPS["study_few_shot"].settings_for(config, {"dataset": "digits"}).changed == ("AE",)


def test_figures_without_such_a_legend_are_not_drawn_again():
    assert changed("figure_2", "recipes.drl_2d.iterations=7") is None


def test_claims_do_not_depend_on_marks():
    one, two = (
        STEPS["figure"].settings_for(resolve("demo", sets=s), {"item": "figure_4"})
        for s in ([], ["recipes.ae.batch_size=7"])
    )
    assert two.changed
    assert one.choosing() == two.choosing()
