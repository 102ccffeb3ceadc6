"""Figure 7: all samples have the first test image's code, and how far they are from each other."""

import pytest

from drl.config.sampling import SamplerSettings
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation.codes import extract_codes
from drl.evaluation.one_code import run
from drl.evaluation.sampling import Wanted, draw, image_seed
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests import tiny
from tests.evaluation.jobs import job_of
from tests.evaluation.pictures import load_png, tiles

SEED, T, COLUMNS = 3, 0.3, 3
SAMPLER = SamplerSettings(steps=6)
SETTINGS = {"method": "drl", "sampler": SAMPLER.slice(), "one_code": {"t": T, "columns": COLUMNS}}
CPU = place("cpu", "fp32", "off", 1)


@pytest.fixture
def done(model_file, stripes, tmp_path):
    out = tmp_path / "one.csv"
    run(job_of("one_code", SETTINGS, out, model=model_file(), images=stripes))
    return out


@pytest.fixture
def cells(done):
    picture = load_png(done.with_suffix(".png"))
    assert picture.shape == (1, COLUMNS * tiny.SIZE, COLUMNS * tiny.SIZE)
    return tiles(picture, tiny.SIZE)


def test_distance_is_that_of_the_pictures_cells(done, cells, whole, model_file, stripes):
    inputs = [model_file(), stripes, stripes.parent / "files.csv"]
    rows = whole(done, "one_code", "drl", [done.with_suffix(".png")], inputs, SETTINGS)
    unit, n = cells.double() / 255, COLUMNS**2
    pairs = [float((unit[i] - unit[j]).square().mean().sqrt()) for i in range(n) for j in range(i)]
    assert rows == [
        {"metric": "mean_pairwise_distance", "value": pytest.approx(sum(pairs) / len(pairs)), "n": n},
        {"metric": "code_size", "value": 64, "n": 1},
    ]


def test_all_samples_have_the_first_test_images_code_and_noise_of_their_own(cells, model_file, stripes):
    store, method = ImageStore.open(stripes), load_model(model_file())
    wanted = [Wanted(image_seed(SEED, "one code", k), 0) for k in range(COLUMNS**2)]

    def samples(position, t):
        return draw(method, SAMPLER, wanted, CPU, extract_codes(method, store, position, [t], CPU)[0])

    assert (samples(store.test[:1], T).int() - cells.int()).abs().max() <= 1
    # Another image's code, or the same at another t, would be seen.
    assert (samples(store.test[-1:], T).int() - cells.int()).abs().max() > 1
    assert (samples(store.test[:1], 1.0).int() - cells.int()).abs().max() > 1
    assert len({cell.numpy().tobytes() for cell in cells}) == COLUMNS**2


def test_an_unconditional_model_has_no_code(model_file, stripes, tmp_path):
    with pytest.raises(UserError, match="one-code unconditional on stripes, seed 3: an unconditional model has no"):
        run(job_of("one_code", SETTINGS, tmp_path / "one.csv", model=model_file("unconditional"), images=stripes))
