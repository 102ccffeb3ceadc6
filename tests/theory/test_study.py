"""`drl theory` as a job: its rows, its card, and what it refuses."""

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from drl.config.jobs import TheoryJob
from drl.diffusion.sde import VE, VP
from drl.errors import UserError
from drl.files import sha256
from drl.jobs.job import Job, Resources
from drl.pipeline.configuration import resolve
from drl.pipeline.items import measurements
from drl.pipeline.registry import STEPS
from drl.records.code_digest import reached
from drl.records.metrics import read_metrics
from drl.theory import study
from drl.theory.measures import constant_by_quadrature
from drl.theory.mixture import make_mixture
from drl.theory.probes import Reading
from drl.theory.training import MODELS
from tests.cards import read_card
from tests.job_settings import settings_of
from tests.theory.common import TINY, settings

OF_LOSSES = {"denoising_loss", "denoising_loss_se", "excess", "excess_se"}
OF_CODES = {"val_accuracy", "test_accuracy", "reconstruction_error"}
OF_KERNELS = {"mean_error", "mean_error_se", "variance_error", "variance_error_se"}
CONSTANTS = {"constant", "constant_se", "constant_quadrature"}
IDENTITY = {"explicit_loss", "explicit_loss_se", "identity_gap", "identity_gap_se"}


def measured(out, seed=3):
    about = {"scale": "test", "seed": seed}
    study.run(Job("theory", about, TheoryJob(theory=settings()), "code", {}, out, resources=Resources(threads=1)))
    return out


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("theory") / "seed3.csv")


@pytest.fixture(scope="module")
def rows(out):
    return read_metrics(out)


def metrics(rows, recipe, t, arm=""):
    return {row["metric"]: row for row in rows if (row["recipe"], row["t"], row["arm"]) == (recipe, t, arm)}


def test_every_recipe_has_its_metrics_at_every_t(rows):
    for t in ("0.0", "0.5", "1.0"):
        assert set(metrics(rows, "exact", t)) == CONSTANTS
        assert set(metrics(rows, "unconditional", t)) == OF_LOSSES | IDENTITY
        assert set(metrics(rows, "drl", t)) == OF_LOSSES | OF_CODES
        assert set(metrics(rows, "ve", t)) == OF_KERNELS
        # At t = 0 nothing is noisy under VP, and there is no constant.
        assert set(metrics(rows, "vp", t)) == OF_KERNELS | (set() if t == "0.0" else CONSTANTS)
    assert set(metrics(rows, "ae", "")) == set(metrics(rows, "exact", "")) == OF_CODES
    for row in rows:
        assert {"scale": "test", "study": "theory", "dataset": "mixture", "seed": "3"}.items() <= row.items()


def test_the_excess_is_the_loss_above_the_constant(rows):
    for t in ("0.0", "0.5", "1.0"):
        constant = metrics(rows, "exact", t)
        for recipe in ("unconditional", "drl"):
            found = {name: float(row["value"]) for name, row in metrics(rows, recipe, t).items()}
            above = found["denoising_loss"] - float(constant["constant"]["value"])
            assert found["excess"] == pytest.approx(above, rel=1e-4, abs=1e-8)
        found = {name: float(row["value"]) for name, row in metrics(rows, "unconditional", t).items()}
        assert found["identity_gap"] == pytest.approx(found["excess"] - found["explicit_loss"], rel=1e-4, abs=1e-8)
        assert abs(found["identity_gap"]) < 4 * found["identity_gap_se"]
        assert constant["constant"]["n"] == "600"


def test_constants_are_of_the_kernels(rows):
    mixture = make_mixture(settings().mixture)
    for recipe, sde in (("exact", VE()), ("vp", VP())):
        found = metrics(rows, recipe, "0.5")
        expected = constant_by_quadrature(mixture, sde, 0.5, 20)
        assert float(found["constant_quadrature"]["value"]) == pytest.approx(expected)
        assert abs(float(found["constant"]["value"]) - expected) < 4 * float(found["constant_se"]["value"])


def test_the_best_t_is_chosen_on_validation(rows):
    of_t = {t: metrics(rows, "drl", t) for t in ("0.0", "0.5", "1.0")}
    best = max(of_t, key=lambda t: float(of_t[t]["val_accuracy"]["value"]))
    chosen = metrics(rows, "drl", best, "best_t")
    assert set(chosen) == OF_CODES
    for name, row in chosen.items():
        assert row["value"] == of_t[best][name]["value"]
    assert len([row for row in rows if row["arm"] == "best_t"]) == 3
    assert (chosen["val_accuracy"]["n"], chosen["test_accuracy"]["n"]) == ("100", "150")


def test_test_accuracy_plays_no_part_in_the_choice(monkeypatch):
    readings = iter([Reading(99, 99, 0.1), Reading(80, 80, 0.2), *(Reading(v, 100 - v, v / 100) for v in (60, 70, 50))])
    monkeypatch.setattr(study, "Probes", lambda *_: SimpleNamespace(read=lambda _: next(readings)))
    mixture = make_mixture(settings().mixture)
    models = {name: MODELS[name](settings(), VE(), 4) for name in MODELS}
    made = list(study._proposition_2_1(settings(), 0, mixture, models))
    chosen = {row["metric"]: row["value"] for row in made if row.get("arm") == "best_t"}
    assert chosen == {"val_accuracy": 70, "test_accuracy": 30, "reconstruction_error": 0.7}
    assert {row["t"] for row in made if row.get("arm") == "best_t"} == {0.5}


def test_the_card_says_how(out):
    card = read_card(out.with_name("seed3.csv.json"))
    assert (card["command"], card["settings"]) == ("theory", {"theory": settings().slice()})
    assert (card["code_digest"], card["scale"], card["dataset"], card["seed"]) == ("code", "test", "mixture", 3)
    assert (card["outputs"], card["inputs"]) == ({"seed3.csv": sha256(out)}, {})
    assert (card["device"], card["threads"]) == ("cpu", 1)


def test_equal_seeds_give_equal_bytes_and_others_do_not(out, tmp_path):
    for name, seed in (("a", 3), ("b", 4)):
        measured(tmp_path / f"{name}.csv", seed)
    assert (tmp_path / "a.csv").read_bytes() == out.read_bytes()
    mine, others = (
        {(r["recipe"], r["metric"]): r["value"] for r in read_metrics(tmp_path / f"{n}.csv") if r["t"] == "0.5"}
        for n in "ab"
    )
    same = {metric for (recipe, metric) in mine if mine[recipe, metric] == others[recipe, metric]}
    assert same == {"constant_quadrature", "mean_error_se", "variance_error_se"}


def test_the_study_is_one_job_a_seed():
    config = resolve("demo", sets=["items.theory.seeds=[4, 7]"])
    assert measurements(config, "theory") == ("metrics/theory/mixture/seed4.csv", "metrics/theory/mixture/seed7.csv")
    assert measurements(resolve("demo", sets=["dataset=mnist5k", "seeds=1"]), "theory") == (
        "metrics/theory/mixture/seed0.csv",
    )
    assert settings_of("theory", config)["theory"]["code_size"] < 2 * len(
        settings_of("theory", config)["theory"]["mixture"]["planes"]
    )


def test_its_code_is_followed():
    modules = reached(*STEPS["theory"].code(TheoryJob(theory=settings())))
    names = ("mixture", "measures", "kernels", "probes", "models", "networks", "training")
    assert {f"drl.theory.{name}" for name in names} <= modules
    assert {"drl.diffusion.losses", "drl.diffusion.sde", "drl.diffusion.preconditioning"} <= modules
    # It reads no images and no models.
    assert not any(
        name.startswith(("drl.evaluation", "drl.methods", "drl.data.sources", "drl.data.store")) for name in modules
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"t": [0.5]}, "must hold 1, where"),
        ({"code_size": 4}, "must be smaller than x, which has 4 entries"),
        ({"mixture": TINY["mixture"] | {"label_plane": 2}}, "2 is not a position among 2 planes"),
        ({"neighbours": 1000}, "1000 are more than the 200 codes"),
        ({"mixture": TINY["mixture"] | {"planes": [{"points": 1, "radius": 1}] * 2}}, "its plane has one point"),
        ({"step": 3}, "unknown key 'step'"),
        ({"objective": "edn"}, "objective"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, words):
    with pytest.raises(ValidationError) as raised:
        settings(**change)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("studies.theory.code_size=9", "config: studies.theory: code_size: must be smaller than x"),
        ("items.theory.recipes=[drl]", "items.theory.recipes: theory makes its own data and models; leave it out"),
        ("items.figure_4.datasets=[]", "items.figure_4: needs datasets"),
    ],
)
def test_the_configuration_says_so_in_one_line(change, words):
    with pytest.raises(UserError) as raised:
        resolve("demo", sets=[change])
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("warmup", [0, 59])
def test_a_training_that_diverges_is_one_line(tmp_path, warmup):
    chosen = settings(optimiser={"learning_rate": 1e38, "warmup_steps": warmup})
    job = Job("theory", {"scale": "test", "seed": 3}, TheoryJob(theory=chosen), "code", {}, tmp_path / "t.csv")
    with pytest.raises(UserError, match=r"theory: .* lower studies\.theory\.optimiser\.learning_rate"):
        study.run(job)
    assert not (tmp_path / "t.csv").exists()
