"""The examples in docstrings of the public interface run, in a folder with a model."""

import doctest
import importlib
import shutil

import numpy as np
import pytest

MODULES = ["drl.api.example", "drl.api.model", "drl.api.transformer"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, model_file, pixels, tmp_path, monkeypatch):
    shutil.copy(model_file(), tmp_path / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    model = importlib.import_module("drl").load("model.safetensors", device="cpu")
    ran = 0
    for example in doctest.DocTestFinder(exclude_empty=True).find(
        module, name, extraglobs={"np": np, "images": pixels, "model": model}
    ):
        result = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(example)
        assert result.failed == 0, example.name
        ran += result.attempted
    assert ran >= 3
