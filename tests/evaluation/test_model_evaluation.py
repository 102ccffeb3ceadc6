"""The benchmark's plain way gives the pipeline's codes, and counts the optimiser steps that a probe takes."""

import pytest
import torch

from benchmarks.model_evaluation import plain_codes, steps
from drl.data.store import ImageStore
from drl.evaluation.codes import extract_codes
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests.evaluation.jobs import probe_training


def test_plain_codes_are_the_pipelines(model, stripes):
    method, store = load_model(model), ImageStore.open(stripes)
    indices, times = torch.arange(180) % 36, [0.0, 0.7]
    expected = extract_codes(method, store, indices, times, place("cpu", "fp32", "off", 1))
    assert torch.allclose(plain_codes(method, store, indices, times), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("labels", "expected"), [(1000, 6), (100, 2)])
def test_steps(labels, expected):
    assert steps(probe_training(epochs=2, batch_size=256), labels) == expected
