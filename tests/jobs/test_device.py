import os

import pytest
import torch

from drl.errors import UserError
from drl.jobs import bfloat16, compiler, device
from drl.jobs.job import Resources


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_cuda_that_is_not_there_is_one_line(no_cuda):
    with pytest.raises(UserError, match="there is no CUDA device; use auto or cpu"):
        device.place("cuda")


@pytest.mark.parametrize(
    ("pays", "channels", "expected"),
    [
        (True, 16, "bf16"),  # the paper's network
        (True, 8, "fp32"),  # a small network
        (False, 16, "fp32"),  # a CPU that is not faster in bf16
    ],
)
def test_auto_on_a_cpu(no_cuda, monkeypatch, pays, channels, expected):
    monkeypatch.setattr(bfloat16, "pays", lambda: pays)
    placement = device.place(channels=channels, passes=10**6)
    assert (placement.precision, placement.compile) == (expected, False)


@pytest.fixture
def cuda(monkeypatch):
    """Pretend that there is a GPU that only emulates bf16; return a list whose first entry says what compiling says."""
    reason = [""]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    monkeypatch.setattr(compiler, "why_not", lambda kind: reason[0])
    monkeypatch.setattr(device, "why_not", lambda kind: reason[0])
    return reason


def test_emulated_bf16_is_not_chosen(cuda, monkeypatch):
    assert device.place().precision == "fp32"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert device.place().precision == "bf16"


@pytest.mark.parametrize(("passes", "reason", "expected"), [(10**6, "", True), (300, "", False), (10**6, "no", False)])
def test_on_cuda_long_jobs_are_compiled_where_that_works(cuda, capsys, passes, reason, expected):
    cuda[0] = reason
    assert device.place(passes=passes).compile == expected
    said = "drl: torch.compile does not work here (no); the network runs without it\n"
    assert capsys.readouterr().err == (said if reason else "")


def test_compiling_that_was_asked_for_and_does_not_work_is_one_line(cuda):
    assert device.place(compile="on").compile
    cuda[0] = "no Triton"
    with pytest.raises(UserError, match=r"does not work here \(no Triton\); use auto or off"):
        device.place(compile="on")


def test_why_not_says_in_one_line_what_fails(monkeypatch):
    def refuse(function):
        raise OSError("cannot find\n  Python.h")

    monkeypatch.setattr(torch, "compile", refuse)
    assert compiler.why_not.__wrapped__("cpu") == "OSError: cannot find"
    monkeypatch.setattr(torch, "compile", lambda function: function)
    assert compiler.why_not.__wrapped__("cpu") == ""


def test_deterministic_operations_are_for_gpus(cuda, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is restored
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    try:
        device.place("cpu", deterministic=True)
        assert not torch.are_deterministic_algorithms_enabled()
        device.place("cuda", deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    finally:
        torch.use_deterministic_algorithms(False)


def test_only_a_job_that_can_compile_does(cuda):
    resources = Resources(threads=torch.get_num_threads())
    assert device.place_job(resources, 8, 10**6).compile
    assert not device.place_job(resources, 8).compile


def test_explicit_choices_win(no_cuda, monkeypatch):
    monkeypatch.setattr(bfloat16, "pays", lambda: True)
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
