import pytest
import torch

from drl.errors import UserError
from drl.jobs import device


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_cuda_that_is_not_there_is_one_line(no_cuda):
    with pytest.raises(UserError, match="there is no CUDA device; use auto or cpu"):
        device.place("cuda")


@pytest.mark.parametrize(
    ("amx", "channels", "expected"),
    [
        (True, 16, "bf16"),  # the paper's network
        (True, 8, "fp32"),  # a small network
        (False, 16, "fp32"),  # no AMX
    ],
)
def test_auto_on_a_cpu(no_cuda, monkeypatch, amx, channels, expected):
    monkeypatch.setattr(device, "has_amx", lambda: amx)
    monkeypatch.setattr(device, "_has_compiler", lambda: True)
    placement = device.place(channels=channels)
    assert (placement.precision, placement.compile) == (expected, False)


def test_on_cuda_all_is_bf16_and_compiled_where_a_compiler_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    for has_compiler in (True, False):
        monkeypatch.setattr(device, "_has_compiler", lambda found=has_compiler: found)
        placement = device.place(channels=8)
        assert (placement.device.type, placement.precision, placement.compile) == ("cuda", "bf16", has_compiler)


def test_explicit_choices_win(no_cuda, monkeypatch):
    monkeypatch.setattr(device, "has_amx", lambda: True)
    placement = device.place("cpu", "fp32", "off", channels=16)
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
