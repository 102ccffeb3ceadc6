"""`drl sample`: images of any kind in, and beside each the samples of its code."""

import hashlib
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from drl.config.sampling import SamplerSettings
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.evaluation import sampling
from drl.evaluation.sample import SampleOptions, read_images, sample
from drl.evaluation.sampling import Wanted, draw, image_seed
from drl.files import sha256
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests import tiny
from tests.cards import read_card
from tests.evaluation.jobs import ALONE
from tests.evaluation.pictures import load_png, tiles

T, T_INIT, COLUMNS, SEED = 0.3, 0.8, 3, 11
SAMPLER = SamplerSettings(steps=6)
CPU = place("cpu", "fp32", "off", 1)
NAMES = ["a.png", "b.jpg", "c.bmp", "d.gif", "e.png"]
OTHERS = [".DS_Store", "subfolder"]


@pytest.fixture
def folder(tmp_path):
    """Images of several formats, sizes and modes, and a file that is hidden."""
    noise, path = np.random.default_rng(0), tmp_path / "images"
    path.mkdir()
    shapes = [(8, 8), (20, 12, 3), (9, 30, 3), (16, 16), (8, 8, 4)]
    for name, shape in zip(NAMES, shapes, strict=True):
        Image.fromarray(noise.integers(0, 256, shape, dtype=np.uint8)).save(path / name)
    hidden, below = OTHERS
    (path / hidden).write_bytes(b"hidden")
    (path / below).mkdir()
    return path


def run(model, folder, out=None, resources=ALONE, training_images=None, **changes):
    out = out or folder.parent / "grid.png"
    options = {"t": T, "t_init": T_INIT, "prior": "gaussian", "columns": COLUMNS, "seed": SEED, "sampler": SAMPLER}
    sample(model, folder, out, SampleOptions(**options | changes), resources, training_images)
    picture = load_png(out)
    rows = len([name for name in os.listdir(folder) if name not in OTHERS])
    assert picture.shape == (1, rows * tiny.SIZE, (COLUMNS + 1) * tiny.SIZE)
    return tiles(picture, tiny.SIZE).unflatten(0, (rows, -1))


def seed_of(image, k):
    """The seed of the k-th sample of an image, which follows from what the image shows."""
    return image_seed(SEED, f"sample {hashlib.sha256(bytes(image.flatten().tolist())).hexdigest()}", k)


def test_images_are_brought_to_the_models_size(folder):
    paths, images = read_images(folder, tiny.FACTS)
    assert [path.name for path in paths] == NAMES
    assert (images.shape, images.dtype) == ((len(NAMES), 1, tiny.SIZE, tiny.SIZE), torch.uint8)
    with Image.open(folder / "a.png") as image:
        assert np.array_equal(images[0, 0].numpy(), np.array(image))


def test_a_row_is_an_image_and_the_samples_of_its_code(folder, model_file):
    layout, method = run(model_file(), folder), load_model(model_file())
    _, images = read_images(folder, tiny.FACTS)
    assert torch.equal(layout[:, 0], images)
    codes = method.encode(images, torch.full((len(images),), T))
    for row in range(len(NAMES)):
        wanted = [Wanted(seed_of(images[row], k), 0, T_INIT) for k in range(COLUMNS)]
        alone = draw(method, SAMPLER, wanted, CPU, codes[row : row + 1])
        # One step of rounding to bytes at most: batches of other sizes add up in another order.
        assert (alone.int() - layout[row, 1:].int()).abs().max() <= 1
        other = draw(method, SAMPLER, wanted, CPU, codes[row - 1 :][:1])
        assert (other.int() - layout[row, 1:].int()).abs().max() > 1, "codes must matter, or this shows nothing"
    assert len({cell.numpy().tobytes() for cell in layout[:, 1:].flatten(0, 1)}) == len(NAMES) * COLUMNS


def test_equal_inputs_give_equal_files_and_every_option_others(folder, model_file, tmp_path):
    first = run(model_file(), folder)
    whole = (tmp_path / "grid.png").read_bytes()
    assert torch.equal(run(model_file(), folder), first)
    assert (tmp_path / "grid.png").read_bytes() == whole
    for changes in ({"seed": 12}, {"t": 1.0}, {"t_init": 0.5}, {"prior": "uniform_gaussian"}):
        other = run(model_file(), folder, **changes)
        assert torch.equal(other[:, 0], first[:, 0])
        assert not torch.equal(other[:, 1:], first[:, 1:]), changes


def test_chains_can_begin_from_the_mean_image(folder, model_file, stripes, tmp_path):
    """It is that of the training images, and the card names their file."""
    first = run(model_file(), folder)
    other = run(model_file(), folder, prior="mean_image", training_images=stripes)
    assert torch.equal(other[:, 0], first[:, 0])
    assert not torch.equal(other[:, 1:], first[:, 1:])
    card = read_card(tmp_path / "grid.png.json")
    assert card["settings"]["prior"] == "mean_image"
    assert card["inputs"][os.path.relpath(stripes, tmp_path)] == sha256(stripes)
    store, method = ImageStore.open(stripes), load_model(model_file())
    mean = (store.images[store.train].double() / 255).mean(0).float()
    codes = method.encode(first[:1, 0], torch.full((1,), T))
    wanted = [Wanted(seed_of(first[0, 0], k), 0, T_INIT, "mean_image") for k in range(COLUMNS)]
    alone = draw(method, SAMPLER, wanted, CPU, codes, mean_image=mean)
    # One step of rounding to bytes at most: batches of other sizes add up in another order.
    assert (alone.int() - other[0, 1:].int()).abs().max() <= 1


@pytest.mark.parametrize("name", ["0.png", "b2.png", "z.png"])
def test_an_image_more_changes_no_samples_of_the_others(folder, model_file, tmp_path, name):
    before = run(model_file(), folder)
    noise = np.random.default_rng(1).integers(0, 256, (12, 12), dtype=np.uint8)
    Image.fromarray(noise).save(folder / name)
    after = run(model_file(), folder, tmp_path / "more.png")
    new = sorted([*NAMES, name]).index(name)
    others = [row for row in range(len(after)) if row != new]
    assert torch.equal(after[others, 0], before[:, 0])
    # One step of rounding to bytes at most: batches of other sizes add up in another order.
    assert (after[others].int() - before.int()).abs().max() <= 1
    moved = after[: len(before), 1:].int() - before[:, 1:].int()
    assert (moved[new:].abs().flatten(1).max(1).values > 1).all(), "rows must differ, or this shows nothing"


def test_a_name_changes_no_samples(folder, model_file, tmp_path):
    before = run(model_file(), folder)
    (folder / "a.png").rename(folder / "y.png")
    assert (run(model_file(), folder, tmp_path / "more.png").roll(1, 0).int() - before.int()).abs().max() <= 1


def test_images_a_batch_can_be_chosen(folder, model_file, tmp_path, monkeypatch):
    sizes, draw_batch = [], sampling._draw_batch

    def spy(model, score, sampler, batch, *rest):
        sizes.append(len(batch))
        return draw_batch(model, score, sampler, batch, *rest)

    monkeypatch.setattr(sampling, "_draw_batch", spy)
    whole = run(model_file(), folder)
    parts = run(model_file(), folder, tmp_path / "parts.png", replace(ALONE, sampling_batch=4))
    assert sizes == [15, 4, 4, 4, 3]
    assert (parts.int() - whole.int()).abs().max() <= 1


def test_the_card_names_model_images_and_options(folder, model_file, tmp_path):
    run(model_file(), folder)
    card, files = read_card(tmp_path / "grid.png.json"), [model_file(), *(folder / name for name in NAMES)]
    assert card["command"] == "sample"
    assert card["inputs"] == {os.path.relpath(path, tmp_path): sha256(path) for path in files}
    assert card["outputs"] == {"grid.png": sha256(tmp_path / "grid.png")}
    options = {"t": T, "t_init": T_INIT, "prior": "gaussian", "columns": COLUMNS, "seed": SEED, "sampler": SAMPLER}
    assert card["settings"] == options | {"sampler": SAMPLER.slice()}


def refused(model, folder, message, **changes):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        run(model, folder, **changes)
    assert "\n" not in str(caught.value)
    assert not list(folder.parent.glob("grid*"))


def test_a_model_that_was_changed_is_refused(folder, model_file, tmp_path):
    model = tiny.damaged(model_file(), tmp_path)
    with pytest.raises(UserError, match="is not as it was made"):
        run(model, folder)
    assert not (tmp_path / "grid.png").exists()


def test_training_images_are_given_if_the_prior_needs_them_and_only_then(folder, model_file, stripes):
    for prior, images, message in (
        ("mean_image", None, "--prior mean_image needs the mean of the training images; give --training-images, the"),
        ("gaussian", stripes, "--prior gaussian needs no training images; leave out --training-images"),
        ("mean_image", folder / "none.safetensors", "none.safetensors does not exist: run `drl prepare`"),
        ("mean_image", folder / "a.png", "a.png is truncated or not a file of prepared images"),
    ):
        refused(model_file(), folder, message, prior=prior, training_images=images)


def test_training_images_of_another_model_are_refused(folder, model_file, stripes, other_stripes):
    message = "was trained on dataset 'other' but"
    refused(model_file(dataset="other"), folder, message, prior="mean_image", training_images=stripes)
    larger = other_stripes(image_size=12)
    message = "the model was trained on 1 channels of 8 pixels but dataset 'stripes' has 1 channels of 12 pixels"
    refused(model_file(), folder, message, prior="mean_image", training_images=larger)


@pytest.mark.parametrize("t_init", [0.0, -1.0, 1.5, float("nan"), float("inf")])
def test_a_start_outside_the_range_is_refused(folder, model_file, t_init):
    refused(model_file(), folder, f"t_init is {t_init}; it must be above 0 and at most 1", t_init=t_init)


@pytest.mark.parametrize("name", ["grid", "grid.txt"])
def test_an_output_that_is_no_png_is_refused(folder, model_file, tmp_path, name):
    refused(model_file(), folder, str(tmp_path / name), out=tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("unconditional", "is unconditional, so images have no codes; give a drl or vdrl model"),
        ("score_features", "its samples take no codes; give a drl or vdrl model"),
        ("ae", "method ae has no score network to sample from; give a drl, vdrl or unconditional model"),
        ("supervised", "method supervised has no score network"),
    ],
)
def test_models_without_codes_or_scores_are_refused(folder, model_file, kind, message):
    refused(model_file(kind), folder, message)


def test_folders_without_images_are_refused(folder, model_file):
    refused(model_file(), folder / "none", f"{folder / 'none'}: is not a folder; give one with images")
    refused(model_file(), folder / "a.png", f"{folder / 'a.png'}: is not a folder; give one with images")
    empty = folder / "subfolder"
    (empty / ".hidden").write_bytes(b"hidden")
    refused(model_file(), empty, f"{empty}: contains no images; add some")


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_a_file_that_is_no_image_is_named(folder, model_file, content):
    (folder / "b.jpg").write_bytes(content)
    refused(model_file(), folder, f"{folder / 'b.jpg'} is not a readable image (")


def test_a_picture_replaces_no_photo_and_does_not_spoil_the_folder(folder, model_file):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for out, said in (("a.png", "this command reads this file"), ("grid.png", "lies in ")):
        refused(model_file(), folder, f"{folder / out}: {said}", out=folder / out)
    (folder / "a.png").rename(folder.parent / "photo.png")
    (folder / "a.png").symlink_to("../photo.png")
    photo = folder.parent / "photo.png"
    refused(model_file(), folder, f"{photo}: this command reads this file", out=photo)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    run(model_file(), folder, folder / "subfolder" / "grid.png")
