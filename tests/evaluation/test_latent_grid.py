"""Figures 2 and 3: codes of the test images as they are, and each cell the sample of its own code."""

import re

import numpy as np
import pytest
import torch
from sklearn.metrics import silhouette_score

from drl.config.sampling import SamplerSettings
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.latent_grid import run, square
from drl.evaluation.sampling import Wanted, draw, image_seed
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests import tiny
from tests.evaluation.jobs import job_of
from tests.evaluation.pictures import load_png, tiles

SEED, CELLS = 3, 3
SAMPLER = SamplerSettings(steps=6)
ENCODER = {"kind": "unet", "code_size": 2, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1, "time": True}
CPU = place("cpu", "fp32", "off", 1)


def settings(kind="drl", **changes):
    protocol = {"t": 0.4, "cells": CELLS, "extent": 1.5}
    return {"method": kind, "sampler": SAMPLER.slice(), "latent_grid": protocol | changes}


@pytest.fixture(scope="module")
def model(model_file):
    return model_file("drl", encoder=ENCODER)


@pytest.fixture
def done(model, stripes, tmp_path):
    out = tmp_path / "grid.csv"
    run(job_of("latent_grid", settings(), out, model=model, images=stripes))
    return out


@pytest.fixture(scope="module")
def by_hand(model, stripes):
    """Codes, labels and images of the test set."""
    store = ImageStore.open(stripes)
    codes = extract_codes(load_model(model), store, store.test, [0.4], CPU)[0]
    return codes, store.labels[store.test], store.images[store.test]


def test_the_square_is_read_like_axes():
    codes = square(3, 2.0)
    assert codes.tolist() == [[-2, 2], [0, 2], [2, 2], [-2, 0], [0, 0], [2, 0], [-2, -2], [0, -2], [2, -2]]


def test_numbers_are_those_of_the_test_images_codes(done, whole, model, stripes, by_hand):
    files = [done.with_suffix(".png"), done.with_suffix(".codes.csv")]
    inputs = [model, stripes, stripes.parent / "files.csv"]
    rows = whole(done, "latent_grid", "drl", files, inputs, settings())
    codes, labels, images = by_hand
    # Least squares by the normal equations.
    x = np.column_stack((codes.double().numpy(), np.ones(len(codes))))
    y = images.double().mean((1, 2, 3)).numpy() / 255
    rest = y - x @ np.linalg.solve(x.T @ x, x.T @ y)
    expected = {"silhouette": silhouette_score(codes.numpy(), labels.numpy()), "ink_r2": 1 - rest.var() / y.var()}
    assert {row["metric"]: row["value"] for row in rows} == pytest.approx(expected, rel=1e-4)
    assert [row["n"] for row in rows] == [len(labels)] * 2


def test_codes_lie_beside_the_numbers(done, by_hand):
    codes, labels, _ = by_hand
    head, *lines = done.with_suffix(".codes.csv").read_text().splitlines()
    assert head == "z_1,z_2,label"
    assert lines == [f"{a:.5g},{b:.5g},{label}" for (a, b), label in zip(codes.tolist(), labels.tolist(), strict=True)]


def test_each_cell_is_the_sample_of_its_code(done, model):
    picture = load_png(done.with_suffix(".png"))
    assert picture.shape == (1, CELLS * tiny.SIZE, CELLS * tiny.SIZE)
    method, cells = load_model(model), tiles(picture, tiny.SIZE)
    corners = [(0, [-1.5, 1.5]), (2, [1.5, 1.5]), (5, [1.5, 0.0]), (6, [-1.5, -1.5])]
    for k, code in corners:
        wanted = [Wanted(image_seed(SEED, "latent grid", k), 0)]
        alone = draw(method, SAMPLER, wanted, CPU, torch.tensor([code]))[0]
        other = draw(method, SAMPLER, wanted, CPU, -torch.tensor([code]))[0]
        # One step of rounding to bytes at most: batches of other sizes add up in another order.
        assert (alone.int() - cells[k].int()).abs().max() <= 1
        assert (other.int() - cells[k].int()).abs().max() > 1, "the code must matter, or this shows nothing"


def test_codes_of_another_size_are_refused(model_file, stripes, tmp_path):
    for encoder, size in ((ENCODER | {"code_size": 3}, 3), (None, 64)):
        model = model_file("drl", **({"encoder": encoder} if encoder else {}))
        message = f"a scatter needs 2-d codes, but the model's have {size} entries; give a 2-d recipe"
        with pytest.raises(UserError, match=re.escape(message)):
            run(job_of("latent_grid", settings(), tmp_path / "grid.csv", model=model, images=stripes))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("ae", "method ae has no score network to sample from; give a drl, vdrl or unconditional model"),
        ("unconditional", "an unconditional model has no codes; give a model with an encoder"),
    ],
)
def test_models_without_codes_or_samples_are_refused(model_file, stripes, tmp_path, kind, message):
    with pytest.raises(UserError, match=re.escape(message)):
        run(job_of("latent_grid", settings(kind), tmp_path / "grid.csv", model=model_file(kind), images=stripes))
