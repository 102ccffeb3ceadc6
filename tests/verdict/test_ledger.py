import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.drawings import ClaimsJob, ItemJob
from drl.errors import UserError
from drl.files import sha256
from drl.jobs.job import Job
from drl.pipeline.configuration import resolve
from drl.verdict.claims.claim import Claim, Comparison
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.estimates import Estimate
from drl.verdict.evidence import Evidence
from drl.verdict.ledger import decide, ledger, run, together
from tests.job_settings import ITEMS
from tests.verdict.measured import PROBE_SETTINGS, claims_job, probe_rows

LITE = Path(__file__).resolve().parents[2] / "docs" / "results" / "lite"
FIGURE_4 = ClaimsJob(scale="lite", confidence=0.95, items={"figure_4": PROBE_SETTINGS.choosing()})
VERDICTS = ["supported", "not supported", "undecided", "not run"]
STATISTIC = ("says", "section", ("figure_4",), "statistic")


def claim(side, bound=0.0, holds="every", parts=lambda evidence: []):
    return Claim("name", *STATISTIC, parts, side=side, bound=bound, holds=holds)


def part(value, error=1.0, df=1000.0):
    return Comparison("one", "digits", Estimate(value, error, df, 3))


@pytest.mark.parametrize(
    ("side", "bound", "value", "verdict"),
    [
        ("above", 0.0, 3.0, "supported"),
        ("above", 0.0, 1.0, "undecided"),
        ("above", 0.0, -3.0, "not supported"),
        ("below", 2.0, -1.0, "supported"),
        ("below", 2.0, 5.0, "not supported"),
        ("within", 5.0, 0.0, "supported"),
        ("within", 5.0, 4.0, "undecided"),
        ("within", 5.0, -9.0, "not supported"),
        ("within", 5.0, 9.0, "not supported"),
    ],
)
def test_a_part_is_decided_by_where_its_interval_lies(side, bound, value, verdict):
    """The interval reaches 1.96 to each side."""
    assert decide(claim(side, bound), part(value), 0.95, "lite")["verdict"] == verdict


def test_a_single_run_decides_nothing_but_says_where_it_points():
    found = decide(claim("above"), part(3.0, df=0.0), 0.95, "lite")
    assert (found["verdict"], found["low"]) == ("undecided", None)
    assert "points to it" in found["why"]
    assert "points against it" in decide(claim("below"), part(3.0, df=0.0), 0.95, "lite")["why"]


def test_demo_decides_nothing():
    found = decide(claim("above"), part(30.0), 0.95, "demo")
    assert found["verdict"] == "undecided"
    assert "machinery check" in found["why"]


@given(st.lists(st.sampled_from(VERDICTS), min_size=1, max_size=5))
def test_every_part_must_hold_or_one_of_them(verdicts):
    every, some = (together(claim("above", holds=holds), verdicts, verdicts) for holds in ("every", "some"))
    if set(verdicts) == {"not run"}:
        assert every == some == "not run"
        return
    assert (every == "supported") == (set(verdicts) == {"supported"})
    assert (every == "not supported") == ("not supported" in verdicts)
    assert (some == "supported") == ("supported" in verdicts)
    assert (some == "not supported") == (set(verdicts) == {"not supported"})


@pytest.mark.parametrize(
    ("holds", "value", "verdict"),
    [
        ("every", 2.2, "supported"),
        ("some", 2.2, "undecided"),
        ("every", -2.2, "undecided"),
        ("some", -2.2, "not supported"),
        ("every", -3.2, "not supported"),
        ("some", 3.2, "supported"),
    ],
)
def test_where_one_of_many_decides_it_must_be_surer(holds, value, verdict):
    """Ten parts: an interval of 95 % reaches 1.96 to each side, one of 99.5 % 2.81."""
    one = claim("above", holds=holds, parts=lambda _: [part(value)] * 10)
    evidence = Evidence("lite", {"figure_4": ItemJob(study="probe", datasets=())}, {})
    assert ledger(evidence, 0.95, {"name": one})["claim_verdict"].unique() == [verdict]


@pytest.mark.parametrize(("good", "verdict"), [(6, "supported"), (5, "undecided"), (4, "not supported")])
def test_most_is_more_than_half(good, verdict):
    verdicts = ["supported"] * good + ["not supported"] * (10 - good)
    assert together(claim("above", holds="most"), verdicts, verdicts) == verdict


def test_a_number_that_is_none_was_not_measured():
    assert decide(claim("above"), part(float("nan")), 0.95, "lite")["verdict"] == "not run"


def test_every_claim_names_items_that_there_are_and_a_source():
    for name, known in CLAIMS.items():
        assert name == known.name
        assert set(known.items) <= set(ITEMS)
        assert known.source.startswith(("section", "App.", "Proposition"))
        assert known.says.strip()
        assert known.statistic.strip()


@pytest.mark.parametrize("scale", ["demo", "lite", "paper"])
def test_without_any_measurement_every_claim_was_not_run(scale):
    frame = ledger(Evidence(scale, claims_job(resolve(scale)).parsed(), {}), 0.95)
    assert set(frame["claim"]) == set(CLAIMS)
    assert set(frame["claim_verdict"]) == {"not run"}
    assert frame["estimate"].isna().all()


def test_the_paper_s_own_tables_are_read_beside_ours():
    frame = ledger(Evidence("paper", claims_job(resolve("paper")).parsed(), {}), 0.95)
    rows = frame[frame["claim"] == "drl_helps"].set_index(["dataset", "part"])
    # Table 1: 74.31 with DRL, 73.68 without.
    assert rows.loc[("cifar10", "100 labels"), "paper"] == pytest.approx(0.63)
    assert rows["paper_tables"].unique() == ["11 of 11 (+0.020 to +1.39)"]
    fids = frame[(frame["claim"] == "skip_30_percent") & frame["paper"].notna()]
    # Table 6: 2.98 from 0.7 on with Uniform + Gaussian, 3.01 of the whole Gaussian chain.
    assert fids["paper"].tolist() == [pytest.approx(2.98 / 3.01)]
    most = frame[frame["claim"] == "most_with_few_labels"]
    assert most["paper_tables"].iloc[0].startswith("1 of 3")


def test_measured_probes_decide(tmp_path):
    """Ours beats the autoencoder in every seed, by more than the seeds differ."""
    rows = probe_rows({"drl": [90.0, 91.0, 92.0], "vdrl": [91.0, 90.5, 91.0], "ae": [80.0, 80.5, 81.0]})
    frame = read(tmp_path, rows)
    beats = frame[(frame["claim"] == "drl_beats_autoencoders") & frame["estimate"].notna()]
    assert list(beats["part"]) == ["DRL over AE", "VDRL over AE"]
    assert list(beats["verdict"]) == ["supported"] * 2
    assert beats["estimate"].iloc[0] == pytest.approx(10.5)
    # Not all of its rivals were run.
    assert beats["claim_verdict"].unique() == ["undecided"]
    flat = frame[(frame["claim"] == "autoencoders_flat") & (frame["part"] == "AE")]
    assert flat["verdict"].iloc[0] == "supported"


def test_a_t_that_validation_chose_comes_before_the_best_on_test(tmp_path):
    both = {"drl": [70.0, 71.0], "ae": [80.0, 81.0]}
    for chosen, expected, who in ((both, -10.0, "validation"), ({"drl": [70.0, 71.0]}, 10.0, "test images")):
        frame = read(tmp_path, probe_rows({"drl": [90.0, 91.0], "ae": [80.0, 81.0]}, chosen=chosen))
        row = frame[frame["part"] == "DRL over AE"].iloc[0]
        # The same reading for both sides.
        assert row["estimate"] == pytest.approx(expected)
        assert who in row["why"]


def decide_claims(metrics, folder, settings, **inputs):
    run(Job("claims", {}, settings, "code", {"metrics": tuple(metrics), **inputs}, folder / "claims.csv"))


def read(folder, rows):
    metrics = folder / "probe.csv"
    pd.DataFrame(rows).to_csv(metrics, index=False)
    decide_claims([metrics, folder / "not_run.csv"], folder, FIGURE_4)
    assert "Figure 4" in (folder / "claims.md").read_text()
    return pd.read_csv(folder / "claims.csv", keep_default_na=True)


def test_nothing_measured_is_one_line(tmp_path):
    with pytest.raises(UserError, match="nothing was measured yet"):
        decide_claims([tmp_path / "a.csv"], tmp_path, FIGURE_4)


def test_another_scale_s_metrics_are_refused(tmp_path):
    pd.DataFrame(probe_rows({"drl": [90.0]})).to_csv(tmp_path / "a.csv", index=False)
    settings = FIGURE_4.model_copy(update={"scale": "paper"})
    with pytest.raises(UserError, match="have scale lite, not paper; give --scale lite"):
        decide_claims([tmp_path / "a.csv"], tmp_path, settings)
    with pytest.raises(UserError, match="has scale lite, not paper; give --scale lite"):
        decide_claims([], tmp_path, settings, items=(LITE,))


def test_the_ledger_of_the_lite_results_is_that_of_the_present_claims(tmp_path):
    """It is made of the metrics beside it: `drl claims docs/results/lite/metrics/*/*/*/*.csv … --scale lite`."""
    decide_claims(sorted((LITE / "metrics").rglob("*.csv")), tmp_path, claims_job(resolve("lite")))
    for name in ("claims.csv", "claims.md"):
        assert (tmp_path / name).read_text() == (LITE / name).read_text()


def test_the_card_of_the_lite_ledger_is_that_of_the_present_claims():
    card = json.loads((LITE / "cards" / "claims.json").read_text())
    # Settings had another form then. That they chose the same numbers is what the test above shows.
    settings = claims_job(resolve("lite"))
    assert set(card["settings"]["items"]) == set(settings.items)
    assert (card["settings"]["scale"], card["settings"]["confidence"]) == ("lite", settings.confidence)
    assert card["outputs"] == {name: sha256(LITE / name) for name in ("claims.csv", "claims.md")}
    assert card["git"]["dirty"] is False
