"""Bugs of the kind that only a GPU shows: each is planted, and each is seen."""

import pytest
import torch

from drl.data.batch import Batch
from drl.data.store import ImageStore
from drl.jobs.device import Placement
from drl.training import loop
from tests.device.cases import CALLS, TRAININGS
from tests.device.pretend import CUDA


def step(kind="drl"):
    training = TRAININGS[kind](CUDA)
    training.advance()
    return training


def waits_of_a_step(cuda, kind="drl"):
    training = step(kind)
    cuda.reset()
    training.advance()
    return dict(cuda.waits)


def test_without_a_bug(cuda):
    assert waits_of_a_step(cuda) == {}


def test_a_generator_of_the_cpu(cuda, monkeypatch):
    real = loop.generator
    monkeypatch.setattr(loop, "generator", lambda seed, stream, device="cpu": real(seed, stream))
    with pytest.raises(RuntimeError, match=r"generator|at least two devices"):
        step()


def test_a_draw_on_the_device_from_a_generator_of_the_cpu(cuda, monkeypatch):
    real = torch.randn

    training = TRAININGS["drl"](CUDA)
    monkeypatch.setattr(
        torch, "randn", lambda shape, *, generator, device: real(shape, generator=torch.Generator(), device=device)
    )
    with pytest.raises(RuntimeError, match="Expected a 'cuda' device type for generator but found 'cpu'"):
        training.advance()


def test_an_index_of_the_cpu(cuda, monkeypatch):
    def batch(self, indices):
        at = indices.cpu()
        return Batch(self.images.index_select(0, at), self.labels.index_select(0, at))

    monkeypatch.setattr(ImageStore, "batch", batch)
    with pytest.raises(RuntimeError, match="same device"):
        step()


def test_an_index_of_the_cpu_that_torch_accepts(cuda, monkeypatch):
    monkeypatch.setattr(ImageStore, "batch", lambda self, at: Batch(self.images[at.cpu()], self.labels[at]))
    places = waits_of_a_step(cuda)
    assert all(place.startswith("tests/device/test_planted_bugs.py:") for place in places)
    assert any(place.endswith("index of the CPU") for place in places)


def test_autocast_of_the_cpu(cuda, monkeypatch):
    monkeypatch.setattr(Placement, "autocast", lambda self: torch.autocast("cpu", dtype=torch.bfloat16))
    with pytest.raises(RuntimeError, match="autocast of the CPU"):
        step()


@pytest.mark.parametrize("kind", ["drl", "fine-tuning, supervised"])
def test_a_check_in_every_step(cuda, monkeypatch, kind):
    found = step(kind)
    real = type(found).advance
    monkeypatch.setattr(type(found), "advance", lambda self: (real(self), self.check()))
    places = waits_of_a_step(cuda, kind)
    file = "training/loop.py" if kind == "drl" else "laplacenet/fine_tuning.py"
    assert any(place.startswith(f"drl/{file}:") for place in places), places


def test_a_copy_from_ordinary_memory(cuda, monkeypatch):
    monkeypatch.setattr("drl.training.graphed.to_device", lambda values, device: values.to(device, non_blocking=True))
    place, *_ = waits_of_a_step(cuda)
    assert "drl/training/graphed.py" in place or "test_planted_bugs" in place


def test_a_state_without_the_generator_of_the_device(cuda, monkeypatch):
    training = step("drl, dropout")
    tensors, facts = {k: v.detach().cpu() for k, v in training.tensors().items()}, training.facts()
    training.advance()
    other = TRAININGS["drl, dropout"](CUDA)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
    other.load(tensors, facts)
    other.advance()
    pairs = zip(training.method.parameters(), other.method.parameters(), strict=True)
    assert not all(torch.equal(a.detach().cpu(), b.detach().cpu()) for a, b in pairs)


def test_moments_that_are_left_on_the_cpu(cuda, monkeypatch):
    training = step()
    tensors, facts = {k: v.detach().cpu() for k, v in training.tensors().items()}, training.facts()
    real = torch.empty_like
    monkeypatch.setattr(torch, "empty_like", lambda tensor, **_: real(tensor.detach().cpu()))
    training.load(tensors, facts)
    monkeypatch.setattr(torch, "empty_like", real)
    with pytest.raises(RuntimeError, match="same device"):
        training.advance()


def test_an_array_of_a_tensor_on_the_device(cuda, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: self)
    monkeypatch.setattr("tests.device.pretend.Pretended.cpu", lambda self: self)
    call = CALLS["ode"](CUDA)
    with pytest.raises(TypeError, match="numpy"):
        call()


def test_augmentations_that_copy_what_they_drew(cuda, monkeypatch):
    for module in ("laplacenet", "rand_augment"):
        monkeypatch.setattr(f"drl.data.augment.{module}.to_device", lambda values, device: values.to(device))
    call = CALLS["augmentation, 3 channels, 1 operations"](CUDA)
    call()
    cuda.reset()
    call()
    assert cuda.waits.total() > 3
