"""Names and shapes in a model file are those of its own recipe, or it is refused."""

import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drl.errors import UserError
from drl.models.model_file import header, load_model, save_model
from tests import tiny


@pytest.fixture
def saved(tmp_path):
    method = tiny.method("drl")
    averages = {name: value.detach() + 1 for name, value in method.named_parameters()}
    save_model(tmp_path / "model.safetensors", method, averages, tiny.about())
    return tmp_path / "model.safetensors", method


def rewrite(path, change):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata=metadata)


def test_raw_and_averaged_weights_come_back(saved):
    path, method = saved
    for weights, shift in (("raw", 0.0), ("ema", 1.0)):
        loaded = load_model(path, weights=weights)
        for name, value in method.named_parameters():
            assert torch.equal(loaded.get_parameter(name), value + shift), name
        for name, value in method.named_buffers():
            assert torch.equal(loaded.get_buffer(name), value), name
    assert header(path).about == tiny.about()


def test_codes_come_from_raw_weights_and_scores_from_averaged_ones(saved):
    path, method = saved
    loaded = load_model(path)
    for name, value in method.named_parameters():
        shift = 0.0 if name.startswith("encoder.") else 1.0
        assert torch.equal(loaded.get_parameter(name), value + shift), name


def test_equal_models_are_equal_files(saved, tmp_path):
    path, method = saved
    averages = {name: value.detach() + 1 for name, value in method.named_parameters()}
    for k in range(5):
        save_model(tmp_path / f"{k}.safetensors", method, averages, tiny.about())
        assert (tmp_path / f"{k}.safetensors").read_bytes() == path.read_bytes()


def test_a_missing_surplus_or_wrong_tensor_is_named(saved):
    path, _ = saved
    whole = path.read_bytes()
    name = "encoder.classifier.weight"
    for change in (
        lambda t: t.pop(name),
        lambda t: t.update({name: t[name][:, :-1].contiguous()}),
    ):
        path.write_bytes(whole)
        rewrite(path, change)
        with pytest.raises(UserError, match=name):
            load_model(path)
    path.write_bytes(whole)
    rewrite(path, lambda t: t.update({"encoder.extra": torch.zeros(1)}))
    with pytest.raises(UserError, match=r"encoder\.extra"):
        load_model(path)


def test_a_file_of_something_else_is_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="is not a model of this project"):
        load_model(tmp_path / "other.safetensors")


def test_the_header_alone_tells_how_to_use_it(saved):
    with safe_open(str(saved[0]), framework="pt") as file:
        found = json.loads(file.metadata()["model"])
    assert found["recipe"]["method"]["kind"] == "drl"
    assert found["facts"] == {"channels": 1, "image_size": 8, "classes": 3}


def test_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe is a FIFO and not a file"):
        header(tmp_path / "pipe")
