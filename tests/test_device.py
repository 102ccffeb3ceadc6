import pytest
import torch

from drl import device
from drl.errors import UserError


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_cuda_that_is_not_there_is_one_line(no_cuda):
    with pytest.raises(UserError, match="there is no CUDA device; use auto or cpu"):
        device.place("cuda")


@pytest.mark.parametrize(
    ("amx", "channels", "images", "expected"),
    [
        (True, 16, 10**9, ("bf16", True)),  # the paper's network and training
        (True, 16, 10**4, ("bf16", False)),  # compiling does not pay
        (True, 8, 10**9, ("fp32", False)),  # a small network
        (False, 16, 10**9, ("fp32", False)),  # no AMX
    ],
)
def test_auto_on_a_cpu(no_cuda, monkeypatch, amx, channels, images, expected):
    monkeypatch.setattr(device, "_has_amx", lambda: amx)
    monkeypatch.setattr(device, "_has_compiler", lambda: True)
    placement = device.place(channels=channels, images=images)
    assert (placement.precision, placement.compile) == expected


def test_without_a_compiler_nothing_is_compiled(no_cuda, monkeypatch):
    monkeypatch.setattr(device, "_has_amx", lambda: True)
    monkeypatch.setattr(device, "_has_compiler", lambda: False)
    assert not device.place(channels=16, images=10**9).compile


def test_explicit_choices_win(no_cuda, monkeypatch):
    monkeypatch.setattr(device, "_has_amx", lambda: True)
    placement = device.place("cpu", "fp32", "off", channels=16, images=10**9)
    assert (placement.precision, placement.compile) == ("fp32", False)


def test_a_job_uses_the_threads_it_was_given(no_cuda):
    before = torch.get_num_threads()
    try:
        assert device.place(threads=2).threads == torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("precision", "expected"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_networks_run_in_the_precision_chosen(no_cuda, precision, expected):
    with device.place("cpu", precision, "off").autocast():
        assert torch.nn.Linear(3, 3)(torch.ones(2, 3)).dtype == expected
