"""Figure 12: one number a model, of the codes at the t that it was trained on."""

import os
import re

import pytest
from sklearn.metrics import silhouette_score

from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.silhouettes import run
from drl.files import sha256
from drl.jobs.device import place
from drl.models.model_file import load_model
from drl.records.metrics import read_metrics
from tests.cards import read_card
from tests.evaluation.jobs import job_of

CPU = place("cpu", "fp32", "off", 1)
ABOUT = {"scale": "test", "dataset": "stripes"}


def silhouettes(named, images, out):
    """Run the job on files by recipe and seed, which may be followed by more."""
    settings = {"methods": ["drl", "vdrl"], "models": [key[:2] for key in named]}
    job = job_of("silhouettes", settings, out, ABOUT, models=list(named.values()), images=images)
    run(job)
    return job.settings


@pytest.fixture(scope="module")
def models(model_file):
    """Models of several t, seeds and methods, by the cells of their rows."""

    def single(kind, name, seed, t):
        return model_file(kind, seed, name, times={"kind": "single", "t": t})

    return {
        ("low", 3, 0.1): single("drl", "low", 3, 0.1),
        ("low", 4, 0.1): single("drl", "low", 4, 0.1),
        ("high", 3, 0.8): single("drl", "high", 3, 0.8),
        ("gaussian", 3, 0.8): single("vdrl", "gaussian", 3, 0.8),
    }


def measured(out, metric="silhouette"):
    return [row for row in read_metrics(out) if row["metric"] == metric]


def by_hand(model, stripes, t, noise_seed=None, part="test"):
    store = ImageStore.open(stripes)
    images = getattr(store, part)
    codes = extract_codes(load_model(model), store, images, [t], CPU, noise_seed=noise_seed)[0]
    return silhouette_score(codes.double().numpy(), store.labels[images].numpy())


def test_score_features_are_read_with_noise(model_file, stripes, tmp_path):
    model = model_file("score_features", 3, "features", times={"kind": "single", "t": 0.4})
    silhouettes({("features", 3): model}, stripes, tmp_path / "silhouettes.csv")
    (row,) = measured(tmp_path / "silhouettes.csv")
    assert float(row["value"]) == pytest.approx(by_hand(model, stripes, 0.4, noise_seed=3), rel=1e-5)
    assert float(row["value"]) != pytest.approx(by_hand(model, stripes, 0.4), rel=1e-3)


def test_one_row_a_model_with_its_own_t(models, stripes, tmp_path):
    out = tmp_path / "silhouettes.csv"
    silhouettes(models, stripes, out)
    rows = measured(out)
    assert [(row["recipe"], int(row["seed"]), float(row["t"])) for row in rows] == list(models)
    for row, ((_, _, t), model) in zip(rows, models.items(), strict=True):
        assert float(row["value"]) == pytest.approx(by_hand(model, stripes, t), rel=1e-5)
        others = {"study": "silhouettes", "scale": "test", "dataset": "stripes", "metric": "silhouette", "n": "6"}
        assert others.items() <= row.items()
    # Read at another t, codes would part otherwise.
    assert by_hand(models["high", 3, 0.8], stripes, 0.1) != pytest.approx(float(rows[2]["value"]), rel=1e-3)
    assert len({row["value"] for row in rows}) == 4
    # Validation images, which choose the best t, are measured as well.
    chosen_by = measured(out, "val_silhouette")
    assert [float(row["value"]) for row in chosen_by] == [
        pytest.approx(by_hand(model, stripes, t, part="val"), rel=1e-5) for (_, _, t), model in models.items()
    ]


def test_the_card_lists_every_model(models, stripes, tmp_path):
    out = tmp_path / "silhouettes.csv"
    settings = silhouettes(models, stripes, out)
    card = read_card(tmp_path / "silhouettes.csv.json")
    assert (card["command"], card["code_digest"], card["settings"]) == ("silhouettes", "code", settings.slice())
    assert card["dataset"] == "stripes"
    assert card["outputs"] == {"silhouettes.csv": sha256(out)}
    assert card["inputs"] == {os.path.relpath(path, tmp_path): sha256(path) for path in (*models.values(), stripes)}


def test_equal_inputs_give_equal_bytes(models, stripes, tmp_path):
    for name in ("a.csv", "b.csv"):
        silhouettes(models, stripes, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_a_model_of_many_t_is_refused(models, model_file, stripes, tmp_path):
    for times in ("uniform", "sigma_uniform"):
        model = model_file("drl", times={"kind": times})
        message = f"{model} was not trained at a single t; give models of a recipe with times: single"
        with pytest.raises(UserError, match=re.escape(message)):
            silhouettes({**models, ("drl", 3): model}, stripes, tmp_path / "s.csv")
    assert not list(tmp_path.iterdir())


def test_models_or_images_of_another_dataset_are_refused(models, model_file, stripes, other_stripes, tmp_path):
    first, low = models["low", 3, 0.1], ("low", 3)
    other = model_file("drl", dataset="other", times={"kind": "single", "t": 0.1})
    with pytest.raises(
        UserError, match=re.escape(f"{other} is of dataset 'other', not 'stripes'; give the right model")
    ):
        silhouettes({low: first, ("drl", 3): other}, stripes, tmp_path / "s.csv")
    with pytest.raises(UserError, match="trained on 1 channels of 8 pixels but dataset 'stripes' has 1 channels of 16"):
        silhouettes({low: first}, other_stripes(image_size=16), tmp_path / "s.csv")
    gone = first.parent / "gone.safetensors"
    with pytest.raises(UserError, match=re.escape(f"{gone}: there is no such model")):
        silhouettes({low: first, ("gone", 3): gone}, stripes, tmp_path / "s.csv")


def test_files_of_other_models_than_the_settings_name_are_refused(models, stripes, tmp_path):
    low, high = models["low", 3, 0.1], models["high", 3, 0.8]
    with pytest.raises(UserError, match=re.escape(f"{high} is of recipe 'high', not 'low'")):
        silhouettes({("low", 3): high, ("high", 3): low}, stripes, tmp_path / "s.csv")
    settings = {"methods": ["drl"], "models": [("low", 3), ("high", 3)]}
    with pytest.raises(UserError, match="silhouettes on stripes: needs one file for each of 2 models, and has 1"):
        run(job_of("silhouettes", settings, tmp_path / "s.csv", ABOUT, models=[low], images=stripes))
