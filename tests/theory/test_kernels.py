"""Simulations against closed forms."""

import math
from dataclasses import dataclass

import pytest
import torch

from drl.diffusion.sde import VE, VP
from drl.theory.kernels import kernel_errors

TIMES = (0.0, 0.3, 0.6, 1.0)


def errors(sde, paths=6000, steps=600, seed=0):
    return list(kernel_errors(sde, TIMES, paths, steps, torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("sde", [VE(), VP()])
def test_the_simulation_has_the_kernel_s_moments(sde):
    found = errors(sde)
    assert [row.t for row in found] == list(TIMES)
    for row in found:
        # Besides what drawing leaves, steps of finite length: a share of ln(sigma_max / sigma_min) / steps.
        assert abs(row.mean) < 4 * row.mean_error + 0.005
        assert abs(row.variance) < 4 * row.variance_error + 0.02
    assert found[-1].variance_error == pytest.approx(math.sqrt(2 / 5999))


@dataclass(frozen=True)
class Wrong(VE):
    """VE whose paths spread 10 % too little."""

    def diffusion(self, t):
        return 0.9 * super().diffusion(t)


@dataclass(frozen=True)
class Shrinking(VP):
    """VP whose drift is too weak."""

    def drift(self, x, t):
        return 0.5 * super().drift(x, t)


def test_a_wrong_closed_form_is_seen():
    wrong = errors(Wrong())[-1]
    assert wrong.variance == pytest.approx(-0.19, abs=0.05)
    shrinking = {row.t: row for row in errors(Shrinking())}
    assert shrinking[0.3].mean > 10 * shrinking[0.3].mean_error
    assert shrinking[1.0].variance > 0.5


def test_under_vp_nothing_moves_at_the_start():
    start = errors(VP())[0]
    assert (start.mean, start.mean_error, start.variance, start.variance_error) == (0, 0, 0, 0)


def test_several_times_at_one_step_are_all_there():
    found = list(kernel_errors(VE(), (0.49, 0.5, 0.51), 10, 2, torch.Generator().manual_seed(0)))
    assert sorted(row.t for row in found) == [0.49, 0.5, 0.51]
