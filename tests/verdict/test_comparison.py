import math

import pandas as pd
import pytest

from drl.errors import UserError
from drl.jobs.job import Job
from drl.pipeline.configuration import resolve
from drl.reporting.paper_values import paper_values
from drl.verdict.comparison import comparison, run
from tests.verdict.measured import compare_job

PAPER = compare_job(resolve("paper"))
# On digits, whose results are at hand.
ON_DIGITS = ["table_1.datasets=[mnist5k]", "table_6.datasets=[mnist5k_16]"]
LITE = compare_job(resolve("lite", sets=[f"items.{one}" for one in [*ON_DIGITS, "table_1.beyond=[]"]]))


def table_1(rows):
    return pd.DataFrame(rows, columns=["dataset", "labels", "arm", "metric", "mean", "sd", "n"])


def found(frame, **where):
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, frame
    return frame.iloc[0]


def test_every_printed_number_is_there_once():
    frame = comparison({}, PAPER)
    assert len(frame) == sum(len(paper_values(table)) for table in range(1, 7)) == 185
    assert set(frame["verdict"]) == {"not run"}
    assert set(frame["why"]) == {f"Table {table} has not been made" for table in range(1, 7)}


@pytest.mark.parametrize(
    ("labels", "mean", "tolerance", "verdict"),
    [
        (500, 92.0, 1.0, "agrees"),  # the paper has 92.70
        (500, 91.6, 1.0, "differs"),
        (100, 65.0, 10.0, "agrees"),  # 74.31, one run on one split
    ],
)
def test_one_run_is_held_against_the_configured_tolerance(labels, mean, tolerance, verdict):
    frame = comparison({"table_1": table_1([["cifar10", labels, "drl", "accuracy", mean, 0.0, 1]])}, PAPER)
    row = found(frame, table=1, dataset="CIFAR-10", labels=str(labels), method="DRL", variant="mixup=no")
    assert (row["ours"], row["tolerance"], row["verdict"]) == (mean, tolerance, verdict)
    assert row["difference"] == pytest.approx(mean - row["published"])


@pytest.mark.parametrize(
    ("sd", "n", "tolerance", "why"),
    [
        (0.1, 3, 1.0, "configured tolerance"),
        # What one more run would give: Student's quantile, times the deviation, times sqrt(1 + 1/n).
        (0.5, 3, 4.302653 * 0.5 * math.sqrt(4 / 3), "scatter of our runs"),
        (0.5, 2, 3.0, "our runs scatter more than 3 times"),
    ],
)
def test_runs_that_differ_widen_the_tolerance_but_not_without_end(sd, n, tolerance, why):
    frame = comparison({"table_1": table_1([["cifar10", 500, "drl", "accuracy", 90.0, sd, n]])}, PAPER)
    row = found(frame, table=1, dataset="CIFAR-10", labels="500", method="DRL", variant="mixup=no")
    assert row["tolerance"] == pytest.approx(tolerance, rel=1e-6)
    # The paper has 92.70.
    assert row["verdict"] == ("agrees" if tolerance > 2.7 else "differs")
    assert row["why"].startswith(why)


def test_files_are_known_by_their_names(tmp_path):
    with pytest.raises(UserError, match=r"best\.csv is not named after a table of the paper"):
        run(Job("compare", {}, PAPER, "code", {"tables": (tmp_path / "best.csv",)}, tmp_path / "out.csv"))


def test_other_images_are_shown_but_not_compared():
    frame = comparison({"table_1": table_1([["mnist5k", 100, "drl", "accuracy", 94.6, 0.4, 3]])}, LITE)
    row = found(frame, table=1, dataset="CIFAR-10", labels="100", method="DRL", variant="mixup=no")
    assert (row["our_dataset"], row["ours"], row["n"]) == ("mnist5k", 94.6, 3)
    assert row["verdict"] == "not comparable at this scale"
    assert "mnist5k in place of CIFAR-10" in row["why"]
    assert pd.isna(row["difference"])
    other = found(frame, table=1, dataset="CIFAR-10", labels="500", method="DRL", variant="mixup=no")
    assert other["verdict"] == "not run"


def test_a_table_s_arms_are_not_another_s():
    """Table 2's DRL is read at epoch 100, and its improvement is a number of its own."""
    rows = [["cifar10", 500, "drl", "accuracy", 88.0, 0.0, 1], ["cifar10", 500, "drl", "difference", 2.0, 0.0, 1]]
    frame = comparison({"table_2": table_1(rows)}, PAPER)
    about = {"table": 2, "dataset": "CIFAR-10", "labels": "500"}
    assert found(frame, **about, method="DRL")["ours"] == 88.0
    assert found(frame, **about, method="DRL-minus-none")["difference"] == pytest.approx(2.0 - 2.04)
    assert found(frame, **about, method="DRL-minus-none")["tolerance"] == pytest.approx(math.sqrt(2))
    assert found(frame, **about, method="none")["verdict"] == "not run"


def table_6(mean, dataset="cifar10"):
    columns = ["dataset", "arm", "t", "metric", "mean", "sd", "n_seeds"]
    rows = [[dataset, None, 0.7, "sigma", 3.88399, 0.0, 1], [dataset, "gaussian", 0.7, "fid", mean, 0.0, 1]]
    return pd.DataFrame(rows, columns=columns)


def test_an_fid_is_held_against_a_share_of_the_printed_one():
    frame = comparison({"table_6": table_6(13.0)}, PAPER)
    row = found(frame, table=6, method="gaussian", variant="t_init=0.7")
    assert (row["verdict"], row["tolerance"]) == ("agrees", pytest.approx(1.257))
    assert found(frame, table=6, metric="sigma_t_init", variant="t_init=0.7")["verdict"] == "agrees"


def test_an_fid_of_other_features_or_fewer_samples_is_not_compared():
    frame = comparison({"table_6": table_6(8.0, "mnist5k_16")}, LITE)
    why = found(frame, table=6, method="gaussian", variant="t_init=0.7")["why"]
    assert "not Inception's features" in why
    assert "2000 samples, not 20000" in why
    # Sigma is a closed form at every scale.
    assert found(frame, table=6, metric="sigma_t_init", variant="t_init=0.7")["verdict"] == "agrees"


def table_file(folder, name, **cells):
    """Write a table of one row, as `drl table` does, with some cells changed; a list gives a row for each."""
    key = {"t": 0.5, "n_seeds": 1} if name == "table_6" else {"labels": 100, "n": 1}
    row = {"dataset": "cifar10", "arm": "none", "metric": "accuracy", "mean": 90.0, "sd": 0.0} | key | cells
    path = folder / f"{name}.csv"
    pd.DataFrame(row if any(isinstance(cell, list) for cell in row.values()) else [row]).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["table_1", "table_6"])
@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        *(("mean", cell, "'.*' as mean, ") for cell in ("", "nan", "inf", "x")),
        *(("sd", cell, "'.*' as sd, ") for cell in ("", -1.0, "nan")),
        *(("n", cell, "'.*' as n(_seeds)?, ") for cell in ("", 0, -1, 2.5, "x")),
        ("mean", [90.0, 91.0], r"it has two means of one \w+, arm and dataset"),
    ],
)
def test_no_verdict_comes_from_what_is_no_mean_deviation_or_count(tmp_path, name, column, cell, said):
    column = "n_seeds" if (name, column) == ("table_6", "n") else column
    path = table_file(tmp_path, name, **{column: cell})
    out = tmp_path / "comparison.csv"
    with pytest.raises(UserError, match=rf"{name}.csv: is not the CSV of a table; remove it .*{said}") as caught:
        run(Job("compare", {}, PAPER, "code", {"tables": (path,)}, out))
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize("name", ["table_1", "table_6"])
def test_a_whole_table_is_compared(tmp_path, name):
    out = tmp_path / "comparison.csv"
    run(Job("compare", {}, PAPER, "code", {"tables": (table_file(tmp_path, name),)}, out))
    assert len(pd.read_csv(out)) == 185
