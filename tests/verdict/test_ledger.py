import json
from pathlib import Path

import pandas as pd
import pytest

from drl.config.drawings import ClaimsJob, ItemJob
from drl.errors import UserError
from drl.files import sha256
from drl.jobs.job import Job
from drl.pipeline.configuration import resolve
from drl.verdict.claims.claim import Claim, Comparison, Proof
from drl.verdict.claims.registry import CLAIMS
from drl.verdict.estimates import Estimate
from drl.verdict.evidence import Evidence
from drl.verdict.ledger import decide, ledger, run
from drl.verdict.ledger_page import markdown
from tests.job_settings import ITEMS
from tests.verdict.measured import PROBE_SETTINGS, claims_job, probe_rows

MNIST5K = Path(__file__).resolve().parents[2] / "docs" / "results" / "mnist5k"
FIGURE_4 = ClaimsJob(scale="lite", confidence=0.95, items={"figure_4": PROBE_SETTINGS.choosing()})
STATISTIC = ("says", "section", ("figure_4",), "statistic")


def claim(side, bound=0.0, holds="every", parts=lambda evidence: [], proof=None):
    return Claim("name", *STATISTIC, parts, side=side, bound=bound, holds=holds, proof=proof)


def part(value, error=1.0, df=1000.0, ours=""):
    return Comparison("one", "digits", Estimate(value, error, df, 3), ours=ours)


def nothing(scale="lite", **cells):
    settings = {item: ItemJob(study="probe", datasets=()) for item in ("figure_4", *cells)}
    return Evidence(scale, settings, cells)


@pytest.mark.parametrize(
    ("side", "bound", "value", "verdict"),
    [
        ("above", 0.0, 1.8, "supported"),
        ("above", 0.0, 1.0, "undecided"),
        ("above", 0.0, -1.8, "refuted"),
        ("below", 2.0, -1.0, "supported"),
        ("within", 5.0, 0.0, "supported"),
        ("within", 5.0, 4.0, "undecided"),
        ("within", 5.0, -9.0, "refuted"),
    ],
)
def test_a_part_is_decided_by_where_its_bounds_lie(side, bound, value, verdict):
    """One-sided bounds of 95 % reach 1.65 to each side."""
    found = decide(claim(side, bound), part(value), 0.95, nothing())
    assert found["verdict"] == verdict
    assert (found["low"], found["high"]) == pytest.approx((value - 1.646, value + 1.646), abs=1e-3)


def test_a_single_run_decides_nothing_but_says_where_it_points():
    found = decide(claim("above"), part(3.0, df=0.0), 0.95, nothing())
    assert (found["verdict"], found["low"], found["p"]) == ("undecided", None, 1.0)
    assert "points to it" in found["why"]
    assert "points against it" in decide(claim("below"), part(3.0, df=0.0), 0.95, nothing())["why"]


def test_demo_decides_nothing():
    found = decide(claim("above"), part(30.0), 0.95, nothing("demo"))
    assert found["verdict"] == "undecided"
    assert "machinery check" in found["why"]


def test_an_undecided_part_says_how_many_seeds_would_decide_it():
    found = decide(claim("above"), part(1.0), 0.95, nothing())
    # (1.645 + 0.842)^2 times the variance of one seed, which is 3, over the distance squared.
    assert found["seeds"] == 19
    assert decide(claim("above"), part(3.0), 0.95, nothing())["seeds"] is None
    assert "more than 1,000 seeds" in decide(claim("above"), part(0.01), 0.95, nothing())["why"]


def whole(evidence, **about):
    return ledger(evidence, 0.95, {"name": claim("above", **about)})["claim_verdict"].unique().tolist()


@pytest.mark.parametrize(
    ("holds", "values", "verdict"),
    [
        ("every", [1.8, 3.0], "supported"),
        ("every", [1.0, 3.0], "undecided"),
        ("every", [-1.8, 3.0], "undecided"),  # 5 % is not enough for one of two
        ("every", [-2.1, 3.0], "refuted"),
        ("some", [1.8, -3.0], "undecided"),
        ("some", [2.1, -3.0], "supported"),
        ("some", [-1.8, -3.0], "refuted"),
        ("most", [3.0, 3.0, -3.0], "supported"),
        ("most", [3.0, -3.0, -3.0], "refuted"),
        ("most", [3.0, 1.0, -3.0], "undecided"),
    ],
)
def test_several_parts_allow_for_their_number(holds, values, verdict):
    assert whole(nothing(), holds=holds, parts=lambda _: [part(value) for value in values]) == [verdict]


def test_a_part_that_was_not_run_leaves_every_open_unless_another_refutes_it():
    missing = Comparison("two", "digits", None)
    assert whole(nothing(), parts=lambda _: [part(9.0), missing]) == ["undecided"]
    assert whole(nothing(), parts=lambda _: [part(-9.0), missing]) == ["refuted"]
    assert whole(nothing(), parts=lambda _: [missing, missing]) == ["not run"]


def test_a_model_that_was_still_learning_refutes_nothing():
    rising = {"dataset": "digits", "recipe": "drl", "arm": "", "metric": "late_rise", "sd": 0.0, "n": 1, "right": None}
    frame = pd.DataFrame([{**rising, "replicate": str(k), "value": 2.0 + k} for k in range(3)])
    evidence = nothing(learning_curve=frame)
    found = decide(claim("above"), part(-9.0, ours="drl"), 0.95, evidence)
    assert (found["verdict"], found["why"]) == (
        "not shown: undertrained",
        "drl: validation accuracy rose by 3 points in the last third",
    )
    assert whole(evidence, parts=lambda _: [part(-9.0, ours="drl")]) == ["not shown: undertrained"]
    # Another part, whose model had learned, refutes it; one that supports it is not held back.
    assert whole(evidence, parts=lambda _: [part(-9.0, ours="drl"), part(-9.0, ours="vdrl")]) == ["refuted"]
    assert decide(claim("above"), part(9.0, ours="drl"), 0.95, evidence)["verdict"] == "supported"


@pytest.mark.parametrize(("holds", "verdict"), [(True, "by proof: holds"), (False, "by proof: does not hold")])
def test_a_proof_decides_whatever_was_measured(holds, verdict):
    frame = ledger(nothing(), 0.95, {"name": claim("above", parts=lambda _: [part(9.0)], proof=Proof(holds, "x", "y"))})
    assert frame["claim_verdict"].tolist() == [verdict]
    assert frame["why"].tolist() == ['theory, "x", given y']
    assert 'theory, "x", given y' in markdown(frame.assign(estimate=None), "lite", 0.95)
    assert frame["verdict"].tolist() == ["supported"]


def test_a_proof_is_a_section_of_the_page_on_theory():
    page = (MNIST5K.parents[1] / "theory.md").read_text().lower()
    for known in CLAIMS.values():
        assert known.proof is None or known.proof.where.lower() in page


def test_a_number_that_is_none_was_not_measured():
    assert decide(claim("above"), part(float("nan")), 0.95, nothing())["verdict"] == "not run"


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
    proved = frame["claim"].map(lambda name: CLAIMS[name].proof is not None)
    assert set(frame[~proved]["claim_verdict"]) == {"not run"}
    assert set(frame[proved]["claim_verdict"]) == {"by proof: holds", "by proof: does not hold"}
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


def test_without_validation_accuracies_the_t_that_validation_chose_is_read(tmp_path):
    known = {"drl": [90.0, 91.0], "ae": [80.0, 81.0]}
    both = {"drl": [70.0, 71.0], "ae": [80.0, 81.0]}
    row = read(tmp_path, probe_rows(known, chosen=both, validation=False)).set_index("part").loc["DRL over AE"]
    assert row["estimate"].iloc[0] == pytest.approx(-10.0)
    row = read(tmp_path, probe_rows(known, validation=False)).set_index("part").loc["DRL over AE"]
    assert row["estimate"].isna().all()
    assert "set studies.probe.validation: true" in row["why"].iloc[0]


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
        decide_claims([], tmp_path, settings, items=(MNIST5K,))


def test_the_earlier_ledger_is_as_it_was_made():
    """By earlier rules, which its page says; it is not judged again by the present ones."""
    card = json.loads((MNIST5K / "cards" / "claims.json").read_text())
    assert card["outputs"] == {name: sha256(MNIST5K / name) for name in ("claims.csv", "claims.md")}
    assert card["git"]["dirty"] is False
    assert "made by earlier rules" in (MNIST5K / "README.md").read_text()
