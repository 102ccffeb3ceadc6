"""Figure 13 and Table 6: every cell's samples are its own, and what t_init saves has a closed form."""

import math
import os
from itertools import product

import pytest
import torch
from safetensors.torch import load_file

from drl.config.sampling import SamplerSettings
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.later_start import run
from drl.evaluation.sample_sets import sample_name
from drl.evaluation.sampling import Wanted, draw, image_seed
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests import tiny
from tests.evaluation.jobs import job_of

SEED, STEPS, IMAGES, REPEATS = 3, 6, 5, 2
SAMPLER = SamplerSettings(steps=STEPS)
T_INIT, PRIORS = [0.5, 0.7, 1.0], ["gaussian", "uniform_gaussian", "mean_image"]
PROTOCOL = {"t_init": T_INIT, "priors": PRIORS, "uniform": "per_pixel", "images": IMAGES, "repeats": REPEATS}
CPU = place("cpu", "fp32", "off", 1)


def settings(corrector="langevin", **changes):
    sampler = SAMPLER.slice() | {"corrector": corrector}
    return {"method": "unconditional", "sampler": sampler, "later_start": PROTOCOL | changes}


@pytest.fixture
def done(model_file, stripes, tmp_path):
    out = tmp_path / "later.csv"
    run(job_of("later_start", settings(), out, model=model_file("unconditional"), images=stripes))
    return out


@pytest.fixture
def samples(done):
    return load_file(done.with_suffix(".safetensors"))


def test_names_tell_repeat_prior_and_t_init(samples):
    assert sample_name(1, "gaussian", 0.5) == "1/gaussian/0.5"
    assert sample_name(0, "uniform_gaussian", 1.0) == "0/uniform_gaussian/1"
    assert sample_name(0, "mean_image", 0.7) == "0/mean_image/0.7"
    starts = ("0.5", "0.7", "1")
    assert set(samples) == {f"{repeat}/{prior}/{t}" for repeat, prior, t in product((0, 1), PRIORS, starts)}
    for images in samples.values():
        assert (images.shape, images.dtype) == ((IMAGES, 1, tiny.SIZE, tiny.SIZE), torch.uint8)


def test_each_cell_holds_its_own_samples(samples, model_file, stripes):
    method, store = load_model(model_file("unconditional")), ImageStore.open(stripes)
    mean = (store.images[store.train].double() / 255).mean(0).float()
    cells = ((0, "gaussian", 0.5), (1, "gaussian", 1.0), (1, "uniform_gaussian", 0.7), (0, "mean_image", 0.5))
    for repeat, prior, t in cells:
        name = sample_name(repeat, prior, t)
        wanted = [Wanted(image_seed(SEED, f"later start {name}", k), None, t, prior) for k in range(IMAGES)]
        # One step of rounding to bytes at most: batches of other sizes add up in another order.
        alone = draw(method, SAMPLER, wanted, CPU, mean_image=mean)
        assert (alone.int() - samples[name].int()).abs().max() <= 1, name
    # No two samples of a job share their noise, so that repeats are disjoint.
    assert len({image.numpy().tobytes() for images in samples.values() for image in images}) == 18 * IMAGES


def test_numbers_samples_and_card_are_all_that_is_written(done):
    """Figure 13 cuts its picture from the samples when it is drawn."""
    assert sorted(os.listdir(done.parent)) == ["later.csv", "later.csv.json", "later.safetensors"]


@pytest.mark.parametrize(("corrector", "calls"), [("langevin", 2), ("none", 1)])
def test_what_is_saved_in_closed_form(model_file, stripes, tmp_path, whole, corrector, calls):
    out, model = tmp_path / "later.csv", model_file("unconditional")
    chosen = settings(corrector, repeats=1, images=4)
    run(job_of("later_start", chosen, out, model=model, images=stripes))
    samples, inputs = out.with_suffix(".safetensors"), [model, stripes, stripes.parent / "files.csv"]
    rows = whole(out, "later_start", "unconditional", [samples], inputs, chosen)
    expected = []
    for t in T_INIT:
        skipped = math.floor((1 - t) * STEPS + 1e-9)
        expected += [
            {"t": str(t), "metric": "sigma", "value": pytest.approx(0.01 * 5000**t), "n": 1},
            {"t": str(t), "metric": "steps_saved", "value": pytest.approx(100 * skipped / STEPS), "n": STEPS},
            {"t": str(t), "metric": "evaluations", "value": calls * (STEPS - skipped), "n": 1},
        ]
    assert rows == expected
    assert [row["value"] for row in rows[1::3]] == pytest.approx([50, 100 / 6, 0])


def test_a_model_with_codes_is_refused(model_file, stripes, tmp_path):
    with pytest.raises(UserError, match="later-start drl on stripes, seed 3: the model's codes have 64 entries, but"):
        run(job_of("later_start", settings(), tmp_path / "later.csv", model=model_file(), images=stripes))


def test_uniform_pixels_can_be_one_a_channel(model_file, stripes, tmp_path):
    found = []
    for uniform in ("per_pixel", "per_image_channel"):
        out = tmp_path / uniform / "later.csv"
        run(job_of("later_start", settings(uniform=uniform), out, model=model_file("unconditional"), images=stripes))
        found.append(load_file(out.with_suffix(".safetensors")))
    for name in found[0]:
        assert torch.equal(found[0][name], found[1][name]) == (name.split("/")[1] != "uniform_gaussian")
