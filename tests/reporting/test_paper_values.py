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
