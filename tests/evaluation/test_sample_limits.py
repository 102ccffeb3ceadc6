"""What `drl sample` refuses, says of its cost, and writes on pictures of scale demo."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from drl.config.sampling import SamplerSettings
from drl.errors import UserError
from drl.evaluation.sample import SampleOptions, sample
from drl.evaluation.sample_cost import TIMED, UNTIMED, Cost
from drl.evaluation.sample_picture import LEAST_WIDTH, with_remark
from drl.markup import DEMO_SAMPLES
from drl.models import model_file as files
from tests import tiny
from tests.evaluation.jobs import ALONE
from tests.evaluation.pictures import load_png

OPTIONS = {"t": 0.3, "t_init": 0.8, "prior": "gaussian", "columns": 2, "seed": 1, "sampler": SamplerSettings(steps=8)}


@pytest.fixture
def folder(tmp_path):
    """A folder with three images."""
    noise, path = np.random.default_rng(0), tmp_path / "images"
    path.mkdir()
    for name in "abc":
        Image.fromarray(noise.integers(0, 256, (8, 8), dtype=np.uint8)).save(path / f"{name}.png")
    return path


def test_a_larger_folder_is_refused_before_work_begins(folder, model_file, tmp_path):
    with pytest.raises(UserError, match=r"contains 3 images, .* --most-images is 2; .* --most-images 3$"):
        sample(model_file(), folder, tmp_path / "x.png", SampleOptions(**OPTIONS, most_images=2), ALONE)
    assert not (tmp_path / "x.png").exists()


def test_the_cost_is_said_after_a_few_steps_and_does_not_reach_the_card(folder, model_file, tmp_path, capsys):
    sample(model_file(), folder, tmp_path / "x.png", SampleOptions(**OPTIONS, most_images=3), ALONE)
    assert "drl: sample: 6 samples of 3 images: about " in capsys.readouterr().err
    assert "most_" not in (tmp_path / "x.png.json").read_text()


def test_too_long_a_drawing_stops_after_a_few_steps_and_names_the_limit():
    now = [0.0]
    cost = Cost("6 samples", 1000, 60, clock=lambda: now[0])
    for _ in range(UNTIMED + TIMED - 1):
        now[0] += 36
        cost.advance()
    now[0] += 36
    said = r"about 10 h at most, measured on 3 of 1,000 steps, and --most-minutes is 60; .* --most-minutes 601"
    with pytest.raises(UserError, match=said):
        cost.advance()


def test_a_drawing_within_its_limit_goes_on(capsys):
    now = [0.0]
    cost = Cost("6 samples", 100, 60, clock=lambda: now[0])
    for _ in range(100):
        now[0] += 1
        cost.advance()
    assert capsys.readouterr().err == "drl: sample: 6 samples: about 100 s at most, measured on 3 of 100 steps\n"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("width", [9, 72, 700])
def test_a_remark_stands_below_the_picture_which_stays_as_it_is(channels, width):
    picture = torch.randint(0, 256, (channels, 8, width), dtype=torch.uint8)
    marked = with_remark(picture, DEMO_SAMPLES)
    factor = marked.shape[2] // width
    assert marked.shape[2] >= LEAST_WIDTH
    assert torch.equal(marked[:, : 8 * factor : factor, ::factor], picture)
    strip = marked[:, 8 * factor :]
    assert strip.min() < 64
    assert (strip[:, :, -1] == 255).all(), "the text ends before the edge"
    assert (strip[:, -1] == 255).all()


@pytest.mark.parametrize("scale", ["demo", "lite"])
def test_only_pictures_of_scale_demo_say_so(folder, model_file, tmp_path, monkeypatch, scale):
    def of_scale(path):
        found = files.header(path)
        return replace(found, about=replace(found.about, scale=scale))

    monkeypatch.setattr("drl.evaluation.sample.header", of_scale)
    sample(model_file(), folder, tmp_path / "x.png", SampleOptions(**OPTIONS), ALONE)
    picture = load_png(tmp_path / "x.png")
    assert (picture.shape[2] == 3 * tiny.SIZE) == (scale != "demo")
    assert (picture.shape[2] >= LEAST_WIDTH) == (scale == "demo")
