"""Tables of codes, and how probes read them."""

from dataclasses import replace

import pytest
import torch

from drl.errors import UserError
from drl.evaluation.codes import CodeTable, as_probed
from drl.models.model_file import header

TRAIN = torch.tensor([5, 1, 4, 2])


@pytest.fixture
def table():
    """Codes of six of eight images at two t; one entry is constant."""
    codes = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)) * 0.02 + 0.5
    codes[:, :, 2] = 0.25
    rows = torch.tensor([-1, 0, 1, 2, 3, 4, -1, 5])
    return CodeTable(codes, torch.arange(6) % 3, rows)


def test_codes_are_standardised_by_the_images_that_are_named(table):
    found = table.standardised(TRAIN)
    before, _ = table.part(TRAIN)
    for t in range(2):
        for entry in range(2):
            values = before[t, :, entry].double()
            expected = (table.codes[t, :, entry].double() - values.mean()) / values.std()
            assert found.codes[t, :, entry].double().numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    assert torch.equal(found.codes[:, :, 2], torch.zeros(2, 6))
    assert torch.equal(found.labels, table.labels)
    assert torch.equal(found.part(TRAIN)[1], table.part(TRAIN)[1])


def test_codes_too_large_to_be_standardised_are_refused(table):
    """Their deviation is infinite, and all standardised codes would be 0."""
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])[:, None]
    with pytest.raises(UserError, match="so large that their deviation is not a finite number; pretrain it again"):
        replace(table, codes=torch.full_like(table.codes, 3.3e38) * signs).standardised(TRAIN)


def test_only_activations_of_a_score_network_are_standardised_for_probes(table, model_file):
    for kind in ("drl", "vdrl", "dae"):
        assert as_probed(table, header(model_file(kind)).recipe, TRAIN) is table
    found = as_probed(table, header(model_file("score_features")).recipe, TRAIN)
    assert torch.equal(found.codes, table.standardised(TRAIN).codes)
