"""Nearest neighbours on codes of known worth."""

import numpy as np
import pytest
import torch

from drl.theory.mixture import make_mixture
from drl.theory.probes import Probes
from tests.theory.common import settings

MIXTURE = make_mixture(settings().mixture)


@pytest.fixture(scope="module")
def probes():
    return Probes(MIXTURE, (400, 200, 300), 5, torch.Generator().manual_seed(0))


def test_x_0_itself_says_nearly_all(probes):
    found = probes.read(lambda x_0: x_0)
    assert found.test_accuracy > 90
    assert found.reconstruction_error < 0.1


def test_a_code_of_noise_says_nothing(probes):
    noise = torch.Generator().manual_seed(1)
    found = probes.read(lambda x_0: torch.randn(len(x_0), 2, generator=noise))
    assert found.test_accuracy == pytest.approx(50, abs=10)
    # The mean of five random neighbours errs by a fifth more than the mean of all.
    assert found.reconstruction_error == pytest.approx(1.2, abs=0.1)


def test_what_a_code_leaves_out_is_not_read(probes):
    """The first plane alone: all of it, nothing of the classes, which lie in the other one."""
    found = probes.read(lambda x_0: 100 * x_0[:, :2])
    assert found.test_accuracy == pytest.approx(50, abs=10)
    left = probes.read(lambda x_0: x_0[:, 2:])
    assert left.test_accuracy > 90
    assert left.val_accuracy > 90
    share = sum(
        probes.read(lambda x_0, part=part: x_0[:, part]).reconstruction_error for part in (slice(2), slice(2, 4))
    )
    assert 1 < share < 1.4


def test_scale_and_shift_of_a_code_do_not_matter(probes):
    plain = probes.read(lambda x_0: x_0)
    moved = probes.read(lambda x_0: x_0 * torch.tensor([1.0, 100.0, 0.01, 5.0]) + 7)
    standard = probes.read(lambda x_0: x_0 / x_0.std(0) if len(x_0) == 400 else x_0 / probes.train[0].float().std(0))
    assert moved.test_accuracy == pytest.approx(plain.test_accuracy, abs=1)
    assert standard.reconstruction_error == pytest.approx(plain.reconstruction_error, rel=0.05)


def test_parts_are_drawn_apart(probes):
    parts = [probes.train, probes.validation, probes.test]
    assert [len(part[0]) for part in parts] == [400, 200, 300]
    seen = np.concatenate([part[0].numpy() for part in parts])
    assert len(np.unique(seen, axis=0)) == 900
