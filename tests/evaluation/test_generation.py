"""What all sampling studies promise: equal bytes again, the right model and images, and going on after a stop."""

import json
import os
import re
from dataclasses import replace

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drl.config.sampling import SamplerSettings
from drl.data.store import content_sha256, facts_sha256
from drl.errors import Unfinished, UserError
from drl.evaluation import code_swap, latent_grid, later_start, one_code, sampling
from drl.models.model_file import header
from drl.pipeline.registry import STEPS
from tests.evaluation.jobs import ALONE, job_of

SEED, BATCH = 3, 4
SHORT = replace(ALONE, wall_clock_minutes=0)
SAMPLER = SamplerSettings(steps=6).slice()
ENCODER = {"kind": "unet", "code_size": 2, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1}
CELLS = {"t_init": [0.5, 1.0], "priors": ["gaussian"], "uniform": "per_pixel", "images": 5, "repeats": 1}
# Study -> its module, its settings and the suffixes of its files. All but code_swap draw 9 or 10 samples: 3 batches.
STUDIES = {
    "latent_grid": (latent_grid, {"t": 0.4, "cells": 3, "extent": 1.5}, [".png", ".codes.csv"]),
    "one_code": (one_code, {"t": 0.4, "columns": 3}, [".png"]),
    "code_swap": (code_swap, {"t": 0.5, "classes": 3, "tolerance": 1e-2}, [".png"]),
    "later_start": (later_start, CELLS, [".safetensors"]),
}
IN_BATCHES = [study for study in STUDIES if study != "code_swap"]


@pytest.fixture
def states(tmp_path):
    return tmp_path / "states"


@pytest.fixture
def job(model_file, stripes, states, tmp_path):
    """Runs a study; returns the bytes of its files."""

    def run(study, name="job", model=None, images=None, changes=(), sampler=SAMPLER, resources=ALONE, **more):
        module, protocol, suffixes = STUDIES[study]
        kind = "unconditional" if study == "later_start" else "drl"
        model = model or model_file(kind, **({"encoder": ENCODER} if kind == "drl" else {}))
        out = tmp_path / name / "out.csv"
        if study == "code_swap":
            sampler = {key: sampler[key] for key in ("steps", "epsilon")}
        settings = {"method": kind, "sampler": sampler, study: protocol}
        files = {"model": model, "images": images or stripes}
        about = vars(header(model).about) | dict(changes)
        module.run(job_of(study, settings, out, about, **{"states": states, "resources": resources} | more, **files))
        return {suffix: out.with_suffix(suffix).read_bytes() for suffix in (".csv", *suffixes)}

    return run


@pytest.fixture
def batches(monkeypatch):
    """Makes batches of 4 samples; lists those that were drawn by their first sample's seed."""
    drawn, draw = [], sampling._draw_batch
    monkeypatch.setitem(sampling.BATCH, "cpu", BATCH)

    def spy(model, score, sampler, batch, *rest):
        drawn.append(batch[0].seed)
        return draw(model, score, sampler, batch, *rest)

    monkeypatch.setattr(sampling, "_draw_batch", spy)
    return drawn


@pytest.fixture
def interrupted(job, states, batches):
    """Runs a study until its time is over, after one batch; returns the saved batches."""

    def run(study, **changes):
        with pytest.raises(Unfinished, match="stopped at batch 1 of 3; run the same command to go on"):
            job(study, resources=SHORT, **changes)
        assert len(batches) == 1
        batches.clear()
        return sorted(states.glob("*/*"))

    return run


@pytest.mark.parametrize("study", STUDIES)
def test_equal_inputs_give_equal_bytes(job, study):
    assert job(study, "a") == job(study, "b")


@pytest.mark.parametrize("study", STUDIES)
def test_another_model_than_expected_is_refused(job, study):
    for changes, message in (({"recipe": "vdrl"}, "of recipe '.*', not 'vdrl'"), ({"seed": 4}, "of seed 3, not 4")):
        with pytest.raises(UserError, match=f"model.safetensors is {message}; give the right model, or pretrain it"):
            job(study, "refused", changes=changes)


@pytest.mark.parametrize("study", STUDIES)
def test_images_of_another_dataset_or_size_are_refused(job, model_file, stripes, other_stripes, tmp_path, study):
    kind = "unconditional" if study == "later_start" else "drl"
    message = f"was trained on dataset 'other' but {stripes} holds 'stripes'"
    with pytest.raises(UserError, match=re.escape(message)):
        job(study, "refused", model_file(kind, dataset="other"))
    message = f"{study.replace('_', '-')} {kind} on stripes, seed 3: the model was trained on 1 channels of 8 pixels"
    with pytest.raises(UserError, match=re.escape(message)):
        job(study, "refused", images=other_stripes(image_size=16))
    assert not (tmp_path / "refused").exists()


def test_every_study_that_draws_samples_is_tested_here():
    modules = {module.__name__ for module, *_ in STUDIES.values()}
    assert modules == {STEPS[study].module for study in STUDIES}


@pytest.mark.parametrize("study", IN_BATCHES)
def test_a_job_goes_on_after_each_budget(job, states, batches, study):
    whole, order = job(study, "whole"), list(batches)
    assert len(order) == 3
    batches.clear()
    for number in (1, 2):
        with pytest.raises(Unfinished, match=f"stopped at batch {number} of 3; run the same command to go on"):
            job(study, resources=SHORT)
        assert batches == order[:number]
        assert len(list(states.glob("*/batch*.safetensors"))) == number
    # The last batch is the end, however little time there is.
    assert job(study, resources=SHORT) == whole
    assert batches == order
    assert os.listdir(states) == []


@pytest.mark.parametrize("study", IN_BATCHES)
def test_a_job_that_was_killed_within_a_batch_goes_on(job, states, batches, monkeypatch, study):
    whole, order = job(study, "whole"), list(batches)
    batches.clear()
    draw = sampling._draw_batch

    def killed(*arguments):
        if len(batches) == 2:
            raise KeyboardInterrupt
        return draw(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(sampling, "_draw_batch", killed)
        with pytest.raises(KeyboardInterrupt):
            job(study)
    assert job(study) == whole
    assert batches == order
    assert os.listdir(states) == []


def test_samples_are_kept_until_they_are_written(job, batches, monkeypatch):
    """A disk that is full at the end must not cost the hours before it."""
    whole, order = job("later_start", "whole"), list(batches)
    batches.clear()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(later_start, "save_file", full)
        with pytest.raises(UserError, match="the disk is full; make room and run the same command again"):
            job("later_start")
    assert job("later_start") == whole
    assert batches == order


@pytest.mark.parametrize("change", ["cut", "flipped"])
def test_a_damaged_batch_is_put_aside_and_drawn_again(interrupted, job, batches, states, capsys, change):
    whole, order = job("one_code", "whole"), list(batches)
    batches.clear()
    [state] = interrupted("one_code")
    content = bytearray(state.read_bytes())
    content[-3] ^= 1
    state.write_bytes(content if change == "flipped" else content[:-9])
    batches.clear()
    capsys.readouterr()
    assert job("one_code") == whole
    assert batches == order
    assert f"drl: {state}: the saved state is damaged (" in capsys.readouterr().err
    assert os.listdir(states) == []


def test_a_state_of_other_threads_is_refused(interrupted, job, states):
    [state] = interrupted("one_code")
    message = f"{state}: the state was saved with threads 1 but this run has 2; run it as before, or remove"
    with pytest.raises(UserError, match=re.escape(message)):
        job("one_code", resources=replace(ALONE, threads=2))


def other_first_test_image(images, out):
    """Write the same images, but of the first test image the negative."""
    with safe_open(images, framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
    tensors = load_file(images)
    first = tensors["test"][0]
    tensors["images"][first] = 255 - tensors["images"][first]
    facts["sha256"] = content_sha256(tensors)
    facts["facts_sha256"] = facts_sha256(facts)
    out.parent.mkdir()
    save_file(tensors, out, metadata={"facts": json.dumps(facts)})
    (out.parent / "files.csv").write_bytes((images.parent / "files.csv").read_bytes())
    return out


@pytest.mark.parametrize("change", ["settings", "code", "model", "images"])
def test_a_state_of_another_job_is_not_used(interrupted, job, batches, states, model_file, stripes, tmp_path, change):
    changes = {
        "settings": lambda: {"sampler": SAMPLER | {"snr": 0.1}},
        "code": lambda: {"code": "other"},
        "model": lambda: {"model": model_file("drl", encoder=ENCODER | {"nf": 8})},
        "images": lambda: {"images": other_first_test_image(stripes, tmp_path / "other" / "images.safetensors")},
    }[change]()
    whole, order = job("one_code", "whole", **changes, states=tmp_path / "elsewhere"), batches[:]
    plain = job("one_code", "plain", states=tmp_path / "elsewhere")
    assert change == "code" or whole[".png"] != plain[".png"], "it must matter, or this shows nothing"
    batches.clear()
    [state] = interrupted("one_code")
    assert job("one_code", "other_job", **changes) == whole
    assert batches == order
    assert state.exists()


def test_a_job_of_one_batch_and_few_steps_saves_nothing_and_is_never_stopped(job, states):
    """States are of every 16th step; drl.evaluation.test_saved_samples has longer jobs."""
    assert job("one_code", resources=SHORT) == job("one_code", "again")
    assert not states.exists()
