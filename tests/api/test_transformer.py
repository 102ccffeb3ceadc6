"""`drl.CodeTransformer` in scikit-learn's pipelines."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import drl
from drl.errors import UserError


@pytest.fixture
def transformer(model_file):
    return lambda **changes: drl.CodeTransformer(model_file(), **{"t": 0.5, "device": "cpu"} | changes)


@pytest.mark.parametrize("module", ["sklearn", "scipy"])
def test_without_scikit_learn_one_line_names_the_remedy(module):
    code = f"import sys; sys.modules[{module!r}] = None; import drl; drl.CodeTransformer"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    *before, line = run.stderr.splitlines()
    assert run.returncode == 1
    if module == "sklearn":
        assert line.startswith("ImportError: drl.CodeTransformer: needs scikit-learn, which plain drl does not install")
        assert "; pip install scikit-learn (or 'drl[pipeline]'" in line
        assert sum("Traceback" in above for above in before) == 1, run.stderr
    else:
        # scikit-learn is there, so installing it is no remedy.
        assert "scipy" in line
        assert "needs scikit-learn" not in run.stderr


def test_rows_are_codes(transformer, model_file, pixels):
    model = drl.load(model_file(), device="cpu")
    assert np.array_equal(transformer().fit_transform(pixels), model.encode(pixels, 0.5))
    both = transformer(t=[0.2, 0.8]).fit_transform(pixels)
    assert np.array_equal(both, np.concatenate(model.encode(pixels, [0.2, 0.8]), axis=1))
    assert np.array_equal(drl.CodeTransformer(model, 0.5).fit_transform(pixels), model.encode(pixels, 0.5))
    files = [Image.fromarray(image) for image in pixels[..., 0]]
    assert np.array_equal(transformer().fit_transform(files), model.encode(pixels, 0.5))


def test_columns_have_names(transformer, pixels):
    fitted = transformer(t=[0.2, 1]).fit(pixels)
    names = fitted.get_feature_names_out()
    assert [*names[:2], names[-1]] == ["t0.2_z0", "t0.2_z1", "t1.0_z63"]
    assert len(set(names)) == fitted.transform(pixels).shape[1] == fitted.n_features_out_ == 128
    frame = transformer().set_output(transform="pandas").fit_transform(pixels)
    assert list(frame.columns) == list(transformer().fit(pixels).get_feature_names_out())


def test_parameters_follow_scikit_learn(transformer, model_file, pixels):
    mine = transformer(t=[0.2], channels="last", resize=False, batch_size=2)
    parameters = mine.get_params()
    assert (parameters["model"], parameters["t"], parameters["batch_size"]) == (model_file(), [0.2], 2)
    assert mine.set_params(t=0.7) is mine
    assert mine.t == 0.7
    copy = clone(mine.fit(pixels))
    assert copy.get_params() == mine.get_params()
    assert not hasattr(copy, "model_")
    with_model = drl.CodeTransformer(drl.load(model_file(), device="cpu"))
    assert clone(with_model).model is with_model.model
    assert "CodeTransformer" in repr(mine)


def test_fit_changes_no_parameter_and_returns_itself(transformer, pixels):
    mine = transformer()
    before = mine.get_params()
    assert mine.fit(pixels, [0, 1, 0, 1]) is mine
    assert mine.get_params() == before
    assert np.array_equal(mine.fit(pixels[:2]).transform(pixels), transformer().fit(pixels).transform(pixels))


def test_it_must_be_fitted(transformer, pixels):
    for call in (lambda: transformer().transform(pixels), lambda: transformer().get_feature_names_out()):
        with pytest.raises(NotFittedError):
            call()


def test_it_can_be_pickled(transformer, pixels):
    fitted = transformer().fit(pixels)
    assert np.array_equal(pickle.loads(pickle.dumps(fitted)).transform(pixels), fitted.transform(pixels))


def test_it_works_in_pipelines_and_searches(transformer, pixels):
    images, labels = np.concatenate([pixels, 255 - pixels, pixels // 2]), np.arange(12) % 2
    pipeline = make_pipeline(transformer(), StandardScaler(), LogisticRegression())
    assert pipeline.fit(images, labels).predict(images).shape == (12,)
    search = GridSearchCV(pipeline, {"codetransformer__t": [0.2, [0.2, 0.8]]}, cv=2, error_score="raise")
    assert search.fit(images, labels).best_params_["codetransformer__t"] in (0.2, [0.2, 0.8])


def test_single_images_and_bad_ones_are_refused(transformer, model_file, pixels):
    fitted = transformer().fit(pixels)
    for single in (pixels[0], Image.fromarray(pixels[0, ..., 0])):
        with pytest.raises(ValueError, match="X is a single image"):
            fitted.transform(single)
    with pytest.raises(ValueError, match="divide by 255"):
        fitted.transform(pixels.astype(float))
    with pytest.raises(ValueError, match="have 2 axes"):
        fitted.transform(pixels.reshape(4, -1))
    with pytest.raises(UserError, match="is unconditional"):
        drl.CodeTransformer(model_file("unconditional"), device="cpu").fit(pixels)
