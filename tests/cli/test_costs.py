"""`drl plan` and `drl costs` as a user types them."""

import json

import pytest
from click.testing import CliRunner

from drl.cli.costs import axes
from drl.cli.main import cli
from drl.errors import UserError


@pytest.fixture(autouse=True)
def no_rates(tmp_path, monkeypatch):
    monkeypatch.setenv("DRL_DATA", str(tmp_path / "cache"))


def drl(*words):
    return CliRunner().invoke(cli, list(words), catch_exceptions=True)


def planned(*words):
    run = drl("plan", *words, "--json", "--no-calibration")
    assert run.exit_code == 0, run.exception
    return json.loads(run.stdout)


def test_a_plan_says_jobs_and_what_is_not_known():
    found = planned("figure_12", "--scale", "demo")
    assert found["total"]["jobs"] == {"prepare": 1, "pretrain": 6, "silhouettes": 1, "draw": 1}
    assert {rate["rate"] for rate in found["rates"]} == {"unknown"}
    assert found["total"]["jobs_of_unknown_time"] == 9


def test_networks_that_differ_have_different_names():
    names = [rate["work"] for rate in planned("all", "--scale", "paper")["rates"]]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    "words", [["--config", "seeds=1"], ["scale=demo", "seeds=1"], ["--config", "scale=demo", "--set", "seeds=1"]]
)
def test_a_plan_takes_snakemakes_words(words):
    found = planned("figure_9", *words)
    assert found["scale"] == "demo"
    assert found["total"]["jobs"]["pretrain"] == 6


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["plan", "figure_1"], "plan: unknown target 'figure_1'"),
        (["plan", "--config", "scale=big"], "unknown scale 'big'; valid: demo, lite, paper"),
        (["plan", "--config", "sale=demo"], "did you mean 'scale'?"),
        (["plan", "--calibrate", "--no-calibration"], "contradict"),
        (["costs", "nowhere"], "nowhere holds no results"),
    ],
)
def test_mistakes_are_one_line(words, line):
    run = drl(*words)
    assert isinstance(run.exception, UserError)
    assert line in str(run.exception)
    assert "\n" not in str(run.exception)


@pytest.mark.parametrize("option", ["--minutes", "--operations-per-second"])
@pytest.mark.parametrize("number", ["nan", "inf", "-1", "1e999", "x"])
def test_numbers_are_finite_and_positive(option, number):
    run = drl("plan", option, number)
    assert run.exit_code == 2
    assert f"Invalid value for '{option}'" in run.output


@pytest.mark.parametrize("number", ["1e-320", "0", "999999", "1e25"])
def test_no_device_is_that_slow_or_fast(number):
    """The example: 1e-320 operations per second gave infinitely many hours, and Infinity in JSON."""
    run = drl("plan", "--operations-per-second", number)
    assert run.exit_code == 2
    assert "is not in the range 1000000.0<=x<=1e+24" in run.output


def test_axes():
    assert axes(["scale=paper", "dataset=cifar10", "seeds=2"]) == ("paper", ("dataset=cifar10", "seeds=2"))
    assert axes([]) == (None, ())
    with pytest.raises(UserError, match="dataset is given twice"):
        axes(["dataset=a", "dataset=b"])
