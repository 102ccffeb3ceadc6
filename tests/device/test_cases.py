"""Every case on the pretended device: it runs, gives the CPU's numbers, and no training step makes the host wait."""

from copy import deepcopy

import pytest
import torch

from drl.training.state import belongs_to, load_state, save_state
from tests import tiny
from tests.device.cases import CALLS, TRAININGS
from tests.device.pretend import CUDA, PretendedCuda

CPU = torch.device("cpu")
SAME_IN_BF16 = ("augmentation", "simclr", "few-shot", "pseudo-labels")


def state(training):
    """Return all tensors of a training, and its plain values."""
    return {name: value.detach().cpu() for name, value in training.tensors().items()}, deepcopy(training.facts())


def assert_same(first, second):
    assert first[1] == second[1]
    assert first[0].keys() == second[0].keys()
    assert [name for name, value in first[0].items() if not torch.equal(value, second[0][name])] == []


@pytest.mark.parametrize("name", TRAININGS)
def test_a_step_does_not_wait_and_a_loaded_state_goes_on_bit_for_bit(name, cuda, tmp_path):
    training = TRAININGS[name](CUDA)
    training.advance()
    cuda.reset()
    training.advance()
    assert dict(cuda.waits) == {}
    assert cuda.operations.total() > 100
    owner = belongs_to("mark", training.placement)
    save_state(tmp_path / "state", training.tensors(), training.facts(), owner)
    saved = state(training)
    training.advance()
    other = TRAININGS[name](CUDA)
    other.load(*load_state(tmp_path / "state", owner))
    assert_same(state(other), saved)
    other.advance()
    assert_same(state(other), state(training))
    changed = state(training)[0]
    assert any(not torch.equal(value, changed[key]) for key, value in saved[0].items())
    training.check()


# Dropout is drawn in another way on a CPU.
WITHOUT_DROPOUT = {
    "drl": {"score": {**tiny.SCORE, "dropout": 0}},
    "vae": {"decoder": {**tiny.DECODER, "dropout": 0}},
    "simclr": {},
    "supervised": {},
    "fine-tuning, pseudo-labels": {"dropout": 0.0},
}


@pytest.mark.parametrize(("name", "changes"), WITHOUT_DROPOUT.items())
def test_a_training_learns_what_it_learns_on_the_cpu(name, changes):
    def after_a_step(device):
        training = TRAININGS[name](device, "fp32", **changes)
        training.advance()
        return state(training)[0]

    with PretendedCuda():
        pretended = after_a_step(CUDA)
    real = after_a_step(CPU)
    learned = [key for key in real if key.startswith(("method.", "network.", "optimiser."))]
    assert len(learned) > 20
    for key in learned:
        torch.testing.assert_close(pretended[key], real[key], rtol=1e-3, atol=1e-5, msg=key)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_the_numbers_of_the_cpu(name):
    with PretendedCuda() as cuda:
        call = CALLS[name](CUDA, "fp32")
        cuda.reset()
        pretended = [tensor.cpu() for tensor in call()]
        assert cuda.operations
    real = CALLS[name](CPU, "fp32")()
    assert len(pretended) == len(real) > 0
    for ours, expected in zip(pretended, real, strict=True):
        if expected.dtype == torch.uint8:
            # Rounding may move a pixel by one level.
            assert int((ours.int() - expected.int()).abs().max()) <= 1
        else:
            torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name", [name for name in CALLS if not name.startswith(("augmentation", "simclr", "few-shot"))]
)
def test_a_call_runs_in_bf16(name, cuda):
    call = CALLS[name](CUDA)
    assert all(bool(tensor.isfinite().all()) for tensor in call())


def test_waits_of_an_update_of_the_pseudo_labels(cuda):
    """Once an epoch; each iteration of the solver asks which classes are done, and alignment asks once."""
    call = CALLS["pseudo-labels"](CUDA)
    cuda.reset()
    call()
    assert sum(count for place, count in cuda.waits.items() if "alignment.py" in place) == 1
    assert cuda.waits.total() < 60


def test_the_steps_of_samplers_do_not_wait(cuda):
    """A chain twice as long waits as often."""
    counts = []
    for steps in (3, 6):
        call = CALLS["sampling, euler_maruyama, langevin"](CUDA, "fp32", steps=steps)
        cuda.reset()
        call()
        counts.append(cuda.waits.total())
    assert counts[0] == counts[1] < 10
