"""`drl code-view`: silhouettes over t, and principal components at the t that validation images chose."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import silhouette_score

from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.code_view import run as run_job
from drl.evaluation.code_view import some_of, two_dimensions
from drl.models.model_file import load_model
from drl.records.metrics import write_metrics
from tests.evaluation.conftest import SEED
from tests.evaluation.jobs import job_of

TIMES = [0.0, 0.4, 1.0]


@pytest.fixture
def probes(tmp_path):
    """Probe metrics in which validation images chose t = 0.4."""
    shared = {"scale": "test", "study": "probe", "dataset": "stripes", "recipe": "drl", "seed": SEED, "labels": 30}
    rows = [{**shared, "t": t, "metric": "test_accuracy", "value": 100 * t, "n": 6} for t in TIMES]
    rows.append({**shared, "arm": "chosen", "t": 0.4, "metric": "val_accuracy", "value": 50, "n": 6})
    write_metrics(tmp_path / "probes.csv", rows)
    return tmp_path / "probes.csv"


def settings(images=100):
    return {"method": "drl", "code_view": {"t": TIMES, "images": images}}


def run(model, stripes, probes, out, **changes):
    run_job(job_of("code_view", settings(**changes), out, model=model, images=stripes, probes=probes))


def test_numbers_and_components_are_those_of_the_codes(model_file, stripes, probes, tmp_path, whole):
    out = tmp_path / "made" / "seed3.csv"
    run(model_file(), stripes, probes, out)
    codes_file = out.with_suffix(".codes.csv")
    inputs = (model_file(), stripes, stripes.parent / "files.csv", probes)
    rows = whole(out, "code_view", "drl", [codes_file], inputs, settings())
    store, method = ImageStore.open(stripes), load_model(model_file())
    batch = store.batch(store.test)
    codes = {t: method.encode(batch.images, torch.full((len(store.test),), t)).double().numpy() for t in TIMES}
    for row, t in zip(rows[:-1], TIMES, strict=True):
        assert (row["metric"], float(row["t"]), row["n"]) == ("silhouette", t, len(store.test))
        assert row["value"] == pytest.approx(silhouette_score(codes[t], batch.labels.numpy()), abs=1e-6)
    # Principal components by hand: eigenvectors of the covariance.
    centred = codes[0.4] - codes[0.4].mean(0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    assert rows[-1]["metric"] == "explained_variance"
    assert rows[-1]["value"] == pytest.approx(100 * values[-2:].sum() / values.sum(), rel=1e-6)
    drawn = pd.read_csv(codes_file)
    for k, name in enumerate(("z_1", "z_2"), start=1):
        assert np.abs(drawn[name]).to_numpy() == pytest.approx(np.abs(centred @ vectors[:, -k]), rel=1e-3, abs=1e-6)
    assert drawn["class"].tolist() == [store.classes[label] for label in batch.labels]


def test_equal_inputs_give_equal_files(model_file, stripes, probes, tmp_path):
    for name in ("a", "b"):
        run(model_file(), stripes, probes, tmp_path / name / "x.csv")
    for suffix in (".csv", ".codes.csv"):
        files = [(tmp_path / name / "x.csv").with_suffix(suffix).read_bytes() for name in ("a", "b")]
        assert files[0] == files[1]


def test_of_many_images_some_are_taken_at_random():
    few = some_of(torch.arange(10, 30), 8, 0)
    assert len(few.unique()) == 8
    assert few.tolist() == sorted(few.tolist())
    assert few.tolist() != some_of(torch.arange(10, 30), 8, 1).tolist()
    assert some_of(torch.arange(5), 8, 0).tolist() == [0, 1, 2, 3, 4]


def test_codes_of_one_dimension_and_without_variance():
    line = torch.tensor([[1.0], [3.0], [8.0]])
    components, share = two_dimensions(line)
    assert components[:, 0].abs().tolist() == pytest.approx([3.0, 1.0, 4.0])
    assert (components[:, 1] == 0).all()
    assert share == pytest.approx(1.0)
    components, share = two_dimensions(torch.ones(4, 3))
    assert (components == 0).all()
    assert share == 1.0


def test_probes_that_chose_no_t_are_named(model_file, stripes, probes, tmp_path):
    text = probes.read_text().replace("chosen", "")
    probes.write_text(text)
    with pytest.raises(UserError, match=r"probes\.csv has no t chosen on validation images; probe again"):
        run(model_file(), stripes, probes, tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_too_few_images_for_a_silhouette_are_told(model_file, stripes, probes, tmp_path):
    with pytest.raises(UserError, match="give no silhouette; add images"):
        run(model_file(), stripes, probes, tmp_path / "x.csv", images=1)
