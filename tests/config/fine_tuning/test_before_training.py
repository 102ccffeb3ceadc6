"""What would be found out too late is refused before anything is trained."""

import pytest

from drl.pipeline.items import models
from tests.config.fine_tuning.shared import complaint, small
from tests.job_settings import fine_tunings, settings_of

ROW = "items.table_1.beyond=[{{arm: {0}, in_place_of: none, dataset: digits, labels: 100}}]"


@pytest.mark.parametrize("key", ["items.t_trajectory.labels", "items.table_1.labels", "studies.fine_tune.labels"])
def test_a_dataset_without_labels_is_refused(key):
    line = complaint(f"{key}={{digits: []}}")
    assert line.startswith(f"config: {key}.digits: ")
    assert "at least 1 entry" in line


def test_the_model_of_a_row_beyond_the_paper_has_the_network_too():
    sets = ["recipes.x={inherits: drl_70k, encoder: {nf: 8}}", "arms.spare={label: S, model: x}", ROW.format("spare")]
    assert complaint(*sets).startswith("config: arms.spare.model: 'x' has another `encoder` than 'drl_70k'")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("recipes.drl_70k.batch_size=5000", "recipes.drl_70k.batch_size: 5000 is more than the 1297 training images"),
        ("recipes.drl_official.train_images=20", "recipes.drl_official.batch_size: 100 is more than the 20 training"),
        ("recipes.drl_official.train_images=1298", "recipes.drl_official.train_images: 1298 are more than the 1297"),
        ("recipes.vdrl_70k.score.channel_multipliers=[1,1,1,1,1]", "recipes.vdrl_70k.score.channel_multipliers: 5 lev"),
        ("recipes.ae_70k.start_from=ae_70", "recipes.ae_70k.start_from: unknown recipe 'ae_70'"),
    ],
)
def test_where_fine_tuning_starts_is_checked_before_it_is_trained(setting, said):
    assert complaint(setting).startswith(f"config: {said}")


def test_a_row_beyond_the_paper_that_is_a_column_makes_no_run_twice():
    config = small(ROW.format("drl"))
    assert len(fine_tunings(config, "table_1")) == len(set(fine_tunings(config, "table_1"))) == 5


def test_the_trajectory_runs_only_what_it_draws():
    config = small("studies.fine_tune.labels.digits=[200,300]")
    assert {run.about["labels"] for run in fine_tunings(config, "t_trajectory")} == {200}
    assert settings_of("figure", config, "t_trajectory")["labels"] == {"digits": 200}


def test_the_trajectory_has_one_start_an_arm():
    line = complaint("items.t_trajectory.arms=[drl,drl_search]")
    assert line.startswith("config: items.t_trajectory.arms: 'drl_search' searches its start of t")


def test_a_model_may_be_a_member_of_a_sweep_and_not_the_sweep():
    sweep = "recipes.swept={inherits: drl_70k, sweep: {lambda: [1.0e-5, 1.0e-4]}}"
    config = small(sweep, "arms.drl.model=swept-lambda0.0001")
    assert {m.about["recipe"] for m in models(config, "table_2")} == {"swept-lambda0.0001"}
    assert "swept: is a sweep; name one of its members" in complaint(sweep, "arms.drl.model=swept")
