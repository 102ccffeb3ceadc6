"""Table 6: the distance of features extracted by hand, and a protocol that tells all it depends on."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drl.config.sampling import SamplerSettings
from drl.data.store import ImageStore, content_sha256, facts_sha256
from drl.errors import UserError
from drl.evaluation import fid as module
from drl.evaluation import later_start
from drl.evaluation.features import Extractor, supervised_extractor
from drl.evaluation.frechet import Statistics, frechet_distance
from drl.evaluation.sample_sets import sample_name
from drl.files import sha256
from drl.jobs.device import place
from drl.models.model_file import load_model
from drl.records.metrics import read_metrics
from tests import tiny
from tests.cards import read_card
from tests.evaluation.jobs import ALONE, job_of

IMAGES, T_INIT, PRIORS, REPEATS = 9, [0.5, 1.0], ["gaussian", "uniform_gaussian"], 2
SAMPLER = SamplerSettings(steps=6)
ABOUT = {"scale": "test", "dataset": "stripes", "recipe": "unconditional", "seed": 3}
CELLS = {"t_init": T_INIT, "priors": PRIORS, "repeats": REPEATS}
ENCODER = {"kind": "unet", "code_size": 4, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1}
CPU = place("cpu", "fp32", "off", 1)


def settings(extractor="supervised", images=IMAGES, **cells):
    section = {"extractor": extractor, "recipe": "supervised"}
    if extractor == "inception":
        section = {"extractor": extractor, "recipe": None, "weights_sha256": None}
    return {"fid": section, "cells": CELLS | cells, "images": images}


@pytest.fixture(scope="module")
def drawn(model_file, stripes, tmp_path_factory):
    """What drl later-start writes of an unconditional model."""
    folder = tmp_path_factory.mktemp("drawn")
    chosen = CELLS | {"uniform": "per_pixel", "images": IMAGES}
    chosen = {"method": "unconditional", "sampler": SAMPLER.slice(), "later_start": chosen}
    files = {"model": model_file("unconditional"), "images": stripes}
    later_start.run(job_of("later_start", chosen, folder / "seed3.csv", **files))
    return folder / "seed3.safetensors"


@pytest.fixture
def samples(drawn, tmp_path):
    """A copy of them that may be changed."""
    for path in drawn.parent.glob("seed3*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / "seed3.safetensors"


def put(samples, content):
    """Put other samples where they lie, as if drl later-start had written them."""
    card = samples.with_suffix(".csv.json")
    made = json.loads(card.read_text())
    assert made["outputs"][samples.name] == sha256(samples)
    if isinstance(content, bytes):
        samples.write_bytes(content)
    else:
        save_file(content, samples)
    made["outputs"][samples.name], made["sizes"][samples.name] = sha256(samples), samples.stat().st_size
    card.write_text(json.dumps(made))


@pytest.fixture(scope="module")
def extractor(model_file):
    return model_file("supervised", encoder=ENCODER)


def changed_images(images, out, part):
    """Write prepared images of which one is another: the first of a part."""
    with safe_open(images, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    tensors = load_file(images)
    tensors["images"][tensors[part][0]] = 255 - tensors["images"][tensors[part][0]]
    facts["sha256"] = content_sha256(tensors)
    facts["facts_sha256"] = facts_sha256(facts)
    out.parent.mkdir(parents=True)
    save_file(tensors, out, metadata={"facts": json.dumps(facts)})
    return out


def fid(samples, images, extractor, out, chosen=None, about=ABOUT, resources=ALONE):
    files = {"samples": samples, "images": images, "extractor": () if extractor is None else extractor}
    module.run(job_of("fid", chosen or settings(), out, about, resources=resources, **files))


def protocol(samples, images, extractor, out):
    fid(samples, images, extractor, out)
    return read_card(out.with_suffix(".csv.json"))["protocol"]


def test_every_cell_is_the_distance_of_its_features(samples, extractor, stripes, tmp_path, whole):
    out = tmp_path / "fid.csv"
    fid(samples, stripes, extractor, out)
    inputs = [samples, samples.with_suffix(".csv"), stripes, extractor]
    rows = whole(out, "fid", "unconditional", [], inputs, settings())
    method, store, images = load_model(extractor), ImageStore.open(stripes), load_file(samples)

    def moments(pixels):
        features = method.encode(pixels, torch.zeros(len(pixels))).double().numpy()
        return features.mean(0), np.cov(features, rowvar=False)

    mean, covariance = moments(store.images[store.train])
    found = [row for row in rows if row["metric"] == "fid"]
    cells = [(repeat, prior, t) for repeat in range(REPEATS) for prior in PRIORS for t in T_INIT]
    assert [(int(row["split"]), row["arm"], float(row["t"])) for row in found] == cells
    for row, cell in zip(found, cells, strict=True):
        other_mean, other = moments(images[sample_name(*cell)])
        root = scipy.linalg.sqrtm(covariance @ other).real
        distance = ((mean - other_mean) ** 2).sum() + np.trace(covariance + other - 2 * root)
        assert row["value"] == pytest.approx(distance, rel=1e-4)
        assert row["n"] == IMAGES
    assert len({row["value"] for row in found}) == len(cells)


def test_what_each_start_saves_stands_beside_the_distances(samples, extractor, stripes, tmp_path):
    fid(samples, stripes, extractor, tmp_path / "fid.csv")
    found = [row for row in read_metrics(tmp_path / "fid.csv") if row["metric"] != "fid"]
    known = [row for row in read_metrics(samples.with_suffix(".csv")) if row["metric"] in ("sigma", "steps_saved")]
    assert found == [{**row, "study": "fid"} for row in known]
    assert len(found) == 2 * len(T_INIT)


def test_the_protocol_tells_all_that_the_score_depends_on(samples, extractor, stripes, tmp_path):
    found = protocol(samples, stripes, extractor, tmp_path / "fid.csv")
    store, method = ImageStore.open(stripes), load_model(extractor)
    pixels = store.images[store.train]
    assert found == {
        "images": IMAGES,
        "split": "train",
        "reference_images": len(store.train),
        "resolution": tiny.SIZE,
        "resize": "none",
        "values": "bytes, 0 to 255",
        "precision": "fp32",
        "extractor": "supervised",
        "extractor_sha256": sha256(extractor),
        "reference_statistics_sha256": Statistics.of(method.encode(pixels, torch.zeros(len(pixels)))).sha256,
    }


def test_hashes_follow_training_images_and_extractor(samples, extractor, stripes, model_file, tmp_path):
    reference, network = "reference_statistics_sha256", "extractor_sha256"
    plain = protocol(samples, stripes, extractor, tmp_path / "plain.csv")
    for part in ("train", "test"):
        images = changed_images(stripes, tmp_path / part / "images.safetensors", part)
        found = protocol(samples, images, extractor, tmp_path / f"{part}.csv")
        assert (found[reference] == plain[reference]) == (part == "test")
        assert found[network] == plain[network]
    other = protocol(samples, stripes, model_file("supervised", seed=4, encoder=ENCODER), tmp_path / "other.csv")
    assert other[reference] != plain[reference]
    assert other[network] != plain[network]


def test_equal_inputs_give_equal_bytes(samples, extractor, stripes, tmp_path):
    for name in ("a.csv", "b.csv"):
        fid(samples, stripes, extractor, tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_inception_is_asked_for_its_weights_and_named(samples, stripes, tmp_path, monkeypatch):
    asked = []

    def extractor(weights, device):
        asked.append(weights)
        return Extractor("inception", "some way", "0123", lambda images: images.float().flatten(1)[:, :3])

    monkeypatch.setattr(module, "inception_extractor", extractor)
    for name, weights in (("a.csv", None), ("b.csv", str(tmp_path / "weights.pth"))):
        resources = replace(ALONE, inception_weights=weights)
        fid(samples, stripes, None, tmp_path / name, settings("inception"), resources=resources)
    assert asked == [None, tmp_path / "weights.pth"]
    found = read_card(tmp_path / "a.csv.json")["protocol"]
    assert (found["extractor"], found["resize"], found["extractor_sha256"]) == ("inception", "some way", "0123")
    store = ImageStore.open(stripes)
    reference = Statistics.of(store.images[store.train].float().flatten(1)[:, :3])
    pixels = load_file(samples)[sample_name(1, "uniform_gaussian", 1.0)].float().flatten(1)[:, :3]
    last = read_metrics(tmp_path / "a.csv")[-1]
    assert float(last["value"]) == pytest.approx(frechet_distance(Statistics.of(pixels), reference))


def refused(samples, images, extractor, message, chosen=None, about=ABOUT, resources=ALONE):
    out = samples.parent / "fid.csv"
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        fid(samples, images, extractor, out, chosen, about, resources)
    assert "\n" not in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize(("key", "found", "value"), [("recipe", "'unconditional'", "song"), ("seed", "3", 4)])
def test_samples_of_another_recipe_or_seed_are_refused(samples, extractor, stripes, key, found, value):
    message = f"{samples} holds samples of {key} {found}, not {value!r}; give the right ones"
    refused(samples, stripes, extractor, message, about=ABOUT | {key: value})


def test_samples_and_images_of_another_dataset_than_expected_are_refused(samples, extractor, stripes):
    """They fit each other, but the numbers would stand in another dataset's file."""
    message = f"{samples} holds samples of dataset 'stripes', not 'other'; give the right ones"
    refused(samples, stripes, extractor, message, about=ABOUT | {"dataset": "other"})


@pytest.mark.parametrize("change", ["pixel", "cut", "other", "not in the card"])
def test_samples_that_were_changed_are_refused(samples, extractor, stripes, change):
    tensors, whole, card = load_file(samples), samples.read_bytes(), samples.with_suffix(".csv.json")
    if change == "pixel":
        tensors[sample_name(0, "gaussian", 0.5)][0, 0, 0, 0] ^= 1
        save_file(tensors, samples)
        assert len(samples.read_bytes()) == len(whole)
    elif change == "cut":
        samples.write_bytes(whole[:-1])
    elif change == "other":
        save_file({name: images.flip(0) for name, images in tensors.items()}, samples)
    else:
        card.write_text(card.read_text().replace(f'"{samples.name}"', '"other.safetensors"'))
    message = f"{samples}: is not as it was made, {card.name} says; remove it and run the same command again"
    if change == "not in the card":
        message = f"{samples}: is not listed in its run card; run drl later-start again"
    refused(samples, stripes, extractor, message)


def test_features_are_of_fp32_whatever_the_device_likes_best(samples, extractor, stripes, tmp_path):
    for precision in ("fp32", "bf16"):
        out = tmp_path / f"{precision}.csv"
        fid(samples, stripes, extractor, out, resources=replace(ALONE, precision=precision))
        card = read_card(out.with_suffix(".csv.json"))
        assert (card["precision"], card["protocol"]["precision"]) == ("fp32", "fp32")
    assert (tmp_path / "fp32.csv").read_bytes() == (tmp_path / "bf16.csv").read_bytes()
    images = ImageStore.open(stripes).images
    rounded, exact = (
        supervised_extractor(extractor, place("cpu", precision, "off", 1)).features(images, CPU.device)
        for precision in ("bf16", "fp32")
    )
    assert not torch.equal(rounded, exact), "precision must matter, or this shows nothing"


def test_samples_of_another_dataset_are_refused(samples, extractor, stripes):
    card = samples.with_suffix(".csv.json")
    card.write_text(card.read_text().replace('"dataset": "stripes"', '"dataset": "other"'))
    message = f"{samples} has samples of a model of dataset 'other', but the reference is 'stripes'; give the images"
    refused(samples, stripes, extractor, message, about=ABOUT | {"dataset": "other"})


def test_samples_of_another_resolution_are_refused(samples, extractor, stripes):
    put(samples, {name: images[..., :6, :6].contiguous() for name, images in load_file(samples).items()})
    message = f"{samples}: samples are (1, 6, 6), reference images (1, 8, 8); give images of the model's own resolution"
    refused(samples, stripes, extractor, message)


def test_too_few_images_for_the_features_are_refused(samples, extractor, model_file, stripes):
    wide = model_file("supervised")
    refused(samples, stripes, wide, "FID: 30 images are too few to determine the covariance of 64 features")
    put(samples, {name: images[:4].contiguous() for name, images in load_file(samples).items()})
    message = "FID: 4 images are too few to determine the covariance of 4 features; use more than 4 images"
    refused(samples, stripes, extractor, message, settings(images=4))


def test_missing_or_damaged_samples_are_named(samples, extractor, stripes):
    message = f"{samples}: cannot be read ("
    refused(samples, stripes, extractor, message, settings(repeats=3))
    refused(samples, stripes, extractor, message, settings(t_init=[0.6]))
    put(samples, samples.read_bytes()[:-100])
    refused(samples, stripes, extractor, message)
    samples.unlink()
    refused(samples, stripes, extractor, message)
    card = samples.with_suffix(".csv.json")
    card.unlink()
    refused(samples, stripes, extractor, f"{card}: cannot be read as a run card; make its output again")


def test_a_card_of_another_study_is_named(samples, extractor, stripes):
    card = samples.with_suffix(".csv.json")
    card.write_text(json.dumps(read_card(card) | {"command": "figure"}))
    refused(samples, stripes, extractor, str(card))


def test_the_protocols_number_of_images_is_the_number_of_samples(samples, extractor, stripes):
    refused(samples, stripes, extractor, str(samples), settings(images=IMAGES + 1))


def test_a_supervised_extractor_needs_a_supervised_model(samples, model_file, stripes):
    refused(samples, stripes, None, "needs one file as extractor, and has 0")
    other = model_file("unconditional")
    refused(samples, stripes, other, f"{other}: is not a supervised model; pretrain the recipe `supervised`")
    gone = samples.parent / "gone.safetensors"
    refused(samples, stripes, gone, f"{gone}: there is no such model; run drl pretrain first")


def test_an_extractor_of_another_dataset_is_refused(samples, model_file, stripes):
    other = model_file("supervised", dataset="other", encoder=ENCODER)
    refused(samples, stripes, other, str(other))


def test_missing_inception_weights_are_named(samples, stripes, tmp_path):
    gone = str(tmp_path / "none.pth")
    message = f"{gone}: has no Inception weights; set run.inception_weights to their file, or unset it"
    weights = replace(ALONE, inception_weights=gone)
    refused(samples, stripes, None, message, settings("inception"), resources=weights)
