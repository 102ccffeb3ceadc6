import pandas as pd
import pytest
import torch

from drl.diffusion.sde import VE
from drl.reporting.paper_values import paper_values


@pytest.mark.parametrize(("table", "count"), [(1, 55), (2, 33), (3, 15), (4, 9), (5, 55), (6, 18)])
def test_every_table_is_whole(table, count):
    values = paper_values(table)
    assert list(values.columns) == ["dataset", "labels", "method", "variant", "metric", "value"]
    assert len(values) == count
    assert values["value"].notna().all()
    assert not values.duplicated(["dataset", "labels", "method", "variant", "metric"]).any()


def test_a_table_that_the_paper_lacks_has_no_values():
    assert paper_values(7).empty


def test_table_6_prints_fid_of_six_starts_and_two_priors():
    fids = paper_values(6).query("metric == 'fid_20k'").pivot(index="variant", columns="method", values="value")
    assert fids["gaussian"].tolist() == [218.95, 75.11, 12.57, 3.05, 2.97, 3.01]
    assert fids["uniform+gaussian"].tolist() == [25.02, 5.15, 2.98, 2.99, 2.94, 2.99]
    assert fids.index.tolist() == [f"t_init=0.{k}" for k in range(5, 10)] + ["t_init=1.0"]


def test_the_printed_sigma_is_that_of_our_sde():
    printed = paper_values(6).query("metric == 'sigma_t_init'")
    times = torch.tensor([float(name.removeprefix("t_init=")) for name in printed["variant"]], dtype=torch.float64)
    assert [round(sigma, 2) for sigma in VE().std(times).tolist()] == printed["value"].tolist()


def test_the_same_run_is_printed_with_the_same_number():
    """Table 5 repeats three columns of Table 1, so a misread digit in either would show."""
    keys = ["dataset", "labels", "method", "variant"]
    first, fifth = (paper_values(table).query("metric == 'accuracy_pct'") for table in (1, 5))
    fifth = fifth.assign(variant=fifth["variant"].str.replace("mixup_sup", "mixup"))
    both = pd.merge(first, fifth, on=keys)
    assert len(both) == 33
    assert both["value_x"].tolist() == both["value_y"].tolist()


def test_table_2_prints_the_difference_of_its_columns():
    values = paper_values(2).set_index(["dataset", "labels", "method"])["value"].unstack()
    printed = values["DRL-minus-none"].to_numpy()
    assert (values["DRL"] - values["none"]).round(2).to_numpy() == pytest.approx(printed, abs=1e-9)


@pytest.mark.parametrize(
    ("table", "other", "renamed", "count"),
    [
        # Table 3 reads the same runs as Table 2, Table 4 those of Table 1.
        (2, 3, {}, 6),
        (1, 4, {"LaplaceNet": "none", "pretraining=none;mixup=no": "full", "mixup=no": "full"}, 6),
    ],
)
def test_tables_that_show_the_same_runs_print_the_same_numbers(table, other, renamed, count):
    keys = ["dataset", "labels", "method", "variant"]
    first, second = (paper_values(number).query("metric == 'accuracy_pct'") for number in (table, other))
    second = second.replace({"variant": {"full schedule;mixup=no": "full"}})
    both = pd.merge(first.replace({"method": renamed, "variant": renamed}), second, on=keys)
    assert len(both) == count
    assert both["value_x"].tolist() == both["value_y"].tolist()
