"""The pretended device itself: what it refuses, what it counts, and that its numbers are real."""

import threading

import pytest
import torch

from tests.device.pretend import CUDA, PretendedCuda, place_in_code


def waits(cuda, compute):
    cuda.reset()
    compute()
    return [place.split(" ", 1)[1] for place in cuda.waits.elements()]


def test_tensors_say_where_they_are_and_hold_numbers(cuda):
    x = torch.arange(3.0, device="cuda")
    assert x.device == CUDA
    assert x.is_cuda
    assert x.cpu().device.type == "cpu"
    assert torch.equal((x + x).cpu(), torch.tensor([0.0, 2.0, 4.0]))
    assert torch.ones_like(x).is_cuda
    assert x[1:].is_cuda
    assert not x.to("cpu").to(torch.float64).is_cuda
    # In place, through views, as on any device.
    x[1:].mul_(2)
    assert x.tolist() == [0, 2, 4]
    copy = x.cpu()
    x.zero_()
    assert copy.tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(3)]),
        lambda x: torch.stack([x[0], torch.tensor(1.0)]),
        lambda x: x.index_select(0, torch.tensor([0])),
        lambda x: torch.ones(3)[x.long()],
        lambda x: torch.ones(3).add_(x),
        lambda x: torch.where(torch.ones(3, dtype=torch.bool), x, 0),
        lambda x: torch.nn.Linear(3, 1)(x),
    ],
)
def test_two_devices_are_refused(cuda, compute):
    with pytest.raises(RuntimeError, match=r"cpu|CPU"):
        compute(torch.ones(3, device=CUDA))


def test_a_number_of_the_cpu_is_not_refused(cuda):
    x = torch.ones(3, device=CUDA)
    assert (x * torch.tensor(2.0)).tolist() == [2, 2, 2]
    assert torch.where(x > 0, torch.tensor(5.0), x).tolist() == [5, 5, 5]


def test_generators_of_the_wrong_device_are_refused(cuda):
    for device, wrong in (("cuda", "cpu"), ("cpu", "cuda")):
        with pytest.raises(RuntimeError, match=f"Expected a '{device}' device type for generator but found '{wrong}'"):
            torch.rand(2, device=device, generator=torch.Generator(wrong))
        with pytest.raises(RuntimeError, match="generator"):
            torch.empty(2, device=device).normal_(generator=torch.Generator(wrong))
        assert torch.rand(2, device=device, generator=torch.Generator(device)).device.type == device


def test_numpy_and_autocast_of_the_cpu_are_refused(cuda):
    x = torch.ones(3, 3, device=CUDA)
    with pytest.raises(TypeError, match="numpy"):
        x.numpy()
    with pytest.raises(RuntimeError, match="autocast of the CPU"), torch.autocast("cpu", dtype=torch.bfloat16):
        pass
    with torch.autocast("cuda", dtype=torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16


def test_the_device_has_a_default_generator_of_its_own(cuda):
    torch.manual_seed(3)
    first, host = torch.rand(4, device=CUDA), torch.rand(4)
    state = torch.cuda.get_rng_state()
    second = torch.rand(4, device=CUDA)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(4), host)
    assert torch.equal(torch.rand(4, device=CUDA).cpu(), first.cpu())
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.rand(4, device=CUDA).cpu(), second.cpu())


@pytest.mark.parametrize(
    ("compute", "reason"),
    [
        (lambda x: float(x.sum()), "_local_scalar_dense"),
        (lambda x: bool((x > 0).all()), "_local_scalar_dense"),
        (lambda x: x.tolist(), "tolist"),
        (lambda x: x.cpu(), "copy to the CPU"),
        (lambda x: torch.ones(3).copy_(x), "copy to the CPU"),
        (lambda x: torch.ones(3).to(CUDA), "copy from memory that is not page-locked"),
        (lambda x: torch.ones(3).to(CUDA, non_blocking=True), "copy from memory that is not page-locked"),
        (lambda x: torch.tensor([1.0], device="cuda"), "copy from memory that is not page-locked"),
        (lambda x: x.copy_(torch.ones(3)), "copy from memory that is not page-locked"),
        (lambda x: x.nonzero(), "nonzero"),
        (lambda x: x[x > 0], "the size of a mask's choice"),
        (lambda x: x[torch.tensor([0])], "index of the CPU"),
        (lambda x: x.long().bincount(), "bincount"),
        (lambda x: x.repeat_interleave(torch.ones_like(x).long()), "the size of repeat_interleave"),
        (lambda x: torch.cuda.synchronize(), "synchronize"),
    ],
)
def test_what_waits_is_counted(cuda, compute, reason):
    x = torch.ones(3, device=CUDA)
    assert waits(cuda, lambda: compute(x)) == [reason]


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: torch.ones(3).pin_memory().to(CUDA, non_blocking=True),
        lambda x: x.copy_(torch.ones(3).pin_memory(), non_blocking=True),
        lambda x: x.index_put_((x > 0,), torch.tensor(1.0)),
        lambda x: x[x.long() * 0],
        lambda x: x.repeat_interleave(torch.ones_like(x).long(), output_size=3),
        lambda x: torch.nn.functional.one_hot(x.long(), 3),
        lambda x: torch.full((3,), 0.5, device=CUDA).add_(x).cumsum(0),
    ],
)
def test_what_is_queued_is_not(cuda, compute):
    x = torch.ones(3, device=CUDA)
    assert waits(cuda, lambda: compute(x)) == []


def test_counts_name_the_line_and_views_launch_nothing(cuda):
    x = torch.ones(4, device=CUDA)
    cuda.reset()
    here = place_in_code()
    y = x.view(2, 2).T[0]
    y.add_(1)
    y.add_(1)
    file, line = here.split(":")
    assert file == "tests/device/test_pretend.py"
    assert dict(cuda.operations) == {f"{file}:{int(line) + n} add_": 1 for n in (2, 3)}
    assert not cuda.waits


def test_other_threads_move_and_compute(cuda):
    found = []
    x = torch.ones(3, device=CUDA)
    thread = threading.Thread(target=lambda: found.append((x + torch.ones(3).to(CUDA)).tolist()))
    thread.start()
    thread.join()
    assert found == [[2, 2, 2]]


def test_outside_all_is_as_before():
    before = (torch.Generator, torch.autocast, torch.Tensor.to, torch.tensor, torch.cuda.is_available)
    with PretendedCuda():
        x = torch.ones(3, device="cuda")
        with pytest.raises(RuntimeError, match="already"), PretendedCuda():
            pass
        assert x.tolist() == [1, 1, 1]
    assert before == (torch.Generator, torch.autocast, torch.Tensor.to, torch.tensor, torch.cuda.is_available)
    with pytest.raises(RuntimeError, match="outside"):
        x + 1
    with torch.inference_mode():
        assert torch.ones(2).is_inference()
