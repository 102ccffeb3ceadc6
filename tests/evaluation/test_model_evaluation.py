"""The benchmark's plain way gives the pipeline's codes, and counts the optimiser steps that a probe takes."""

import pytest
import torch

from benchmarks.model_evaluation import plain_codes, steps
from drl.data.store import ImageStore
from drl.evaluation.codes import extract_codes
from drl.evaluation.mlp_probe import ProbeOptions
from drl.jobs.device import place
from drl.models.model_file import load_model


def test_plain_codes_are_the_pipelines(model, stripes):
    method, store = load_model(model), ImageStore.open(stripes)
    indices, times = torch.arange(180) % 36, [0.0, 0.7]
    expected = extract_codes(method, store, indices, times, place("cpu", "fp32", "off", 1))
    assert torch.allclose(plain_codes(method, store, indices, times), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "drop_last", "expected"), [(1000, True, 6), (1000, False, 8), (100, True, 2), (100, False, 2)]
)
def test_steps(labels, drop_last, expected):
    assert steps(ProbeOptions(epochs=2, batch_size=256, drop_last=drop_last), labels) == expected
