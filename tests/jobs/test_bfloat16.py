import pytest
import torch

from drl.jobs import bfloat16


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (5.9, True),  # AMX
        (1.5, True),
        (1.2, False),  # too little for what the copies between the two cost
        (0.7, False),
        (0.1, False),  # emulated
    ],
)
def test_the_faster_precision_is_chosen(monkeypatch, ratio, expected):
    seconds = {torch.float32: 1.0, torch.bfloat16: 1.0 / ratio}
    monkeypatch.setattr(bfloat16, "_seconds", seconds.__getitem__)
    assert bfloat16.pays.__wrapped__() == expected


def test_other_work_on_the_machine_does_not_decide(monkeypatch):
    """The first call in each precision prepares things, and some later ones are disturbed."""
    times = {
        torch.float32: iter([9.0, 1.0, 1.1, 30.0, 1.0, 1.2, 1.0]),
        torch.bfloat16: iter([70.0, 0.3, 0.4, 0.3, 50.0, 0.3, 0.3, 0.3, 0.3]),
    }
    monkeypatch.setattr(bfloat16, "_seconds", lambda dtype: next(times[dtype]))
    assert bfloat16.pays.__wrapped__()


def test_emulation_is_noticed_after_two_calls(monkeypatch):
    calls = []

    def seconds(dtype):
        calls.append(dtype)
        return 1.0 if dtype == torch.float32 else 10.0

    monkeypatch.setattr(bfloat16, "_seconds", seconds)
    assert not bfloat16.pays.__wrapped__()
    assert calls.count(torch.bfloat16) == 2


def test_it_measures_time_and_draws_no_random_numbers():
    before = torch.get_rng_state()
    assert bfloat16._seconds(torch.bfloat16) > 0
    assert bfloat16._seconds(torch.float32) > 0
    assert torch.equal(torch.get_rng_state(), before)
