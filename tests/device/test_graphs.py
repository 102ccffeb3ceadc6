"""Steps as CUDA graphs on the pretended device: bit for bit those whose operations are launched one after the other."""

from copy import deepcopy
from functools import partial

import pytest
import torch

from drl.data.augment import colour
from drl.errors import UserError
from drl.jobs.device import Placement
from drl.laplacenet.sgd import NesterovSGD
from drl.training import graphed, loop
from drl.training.graphed import PAYS_FROM, WARM_UP, Graphed
from tests.device.cases import TRAININGS
from tests.device.pretend import CUDA, PretendedCuda

# Rows of the log fall due every second step; with 20 in all, also code usage and a snapshot at the end.
LOGGED, WHOLE = {"iterations": 400}, {"iterations": 20}
CASES = {
    "drl": (20, WHOLE),
    "drl, dropout": (10, LOGGED),
    "drl, mirrored": (10, LOGGED),
    "drl, mixup": (10, LOGGED),
    "drl, weakly augmented": (10, LOGGED),
    "vdrl": (20, LOGGED),
    "simclr, blurred": (20, LOGGED),
    "supervised": (20, LOGGED),
    "fine-tuning, supervised": (20, {}),
    "fine-tuning, pseudo-labels": (20, {}),
    "fine-tuning, search": (20, {}),
}


def state(training):
    return {name: value.detach().cpu() for name, value in training.tensors().items()}, deepcopy(training.facts())


def differing(first, second):
    assert first[0].keys() == second[0].keys()
    names = [name for name, value in first[0].items() if not torch.equal(value, second[0][name])]
    return names + (["facts"] if first[1] != second[1] else [])


def steps(training, n):
    for _ in range(n):
        training.advance()
    return training


@pytest.mark.parametrize("name", CASES)
def test_steps_with_logs_and_a_resume_are_those_without_graphs(name, cuda):
    n, changes = CASES[name]
    make = partial(TRAININGS[name], CUDA, **changes)
    plain = state(steps(make(), n))
    first = steps(make(graphs="on"), 5)
    tensors, facts = state(first)
    second = make(graphs="on")
    second.load(tensors, facts)
    assert not second.graphed.captured
    steps(second, n - 5)
    assert differing(state(second), plain) == []
    if name != "fine-tuning, supervised":  # which has become another kind of step
        assert second.graphed.captured
        assert second.graphed._graph.replays >= 1


def test_on_a_cpu_graphs_change_nothing():
    plain, *others = (
        steps(TRAININGS["drl"](torch.device("cpu"), graphs=mode), WARM_UP + 2) for mode in ("off", "on", "auto")
    )
    assert not any(training.graphed.captured for training in others)
    assert [differing(state(training), state(plain)) for training in others] == [[], []]


def test_a_capture_changes_nothing(cuda):
    training = steps(TRAININGS["drl, dropout"](CUDA, graphs="on"), WARM_UP)
    training.graphed._fill(training._inputs())
    before = state(training)
    training.graphed._capture()
    assert training.graphed.captured
    assert differing(state(training), before) == []


def test_replayed_steps_do_not_wait_and_launch_little(cuda):
    training = steps(TRAININGS["drl"](CUDA, graphs="on"), WARM_UP + 1)
    real, launched = training.graphed._graph.replay, []

    def replay():
        launched.append(cuda.operations.total())
        real()

    training.graphed._graph.replay = replay
    cuda.reset()
    training.advance()
    assert dict(cuda.waits) == {}
    assert launched[0] <= 2  # one copy for each input


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_step_that_cannot_be_captured(mode, cuda, monkeypatch, capsys):
    """It waits: eager steps go on, with the same random numbers."""
    real = loop.Training._learn
    monkeypatch.setattr(loop.Training, "_learn", lambda self, inputs: (real(self, inputs), self.check())[0])
    monkeypatch.setattr(graphed, "LAUNCHING", 0)
    plain = state(steps(TRAININGS["drl, dropout"](CUDA), 6))
    training = TRAININGS["drl, dropout"](CUDA, graphs=mode)
    steps(training, WARM_UP)
    if mode == "on":
        with pytest.raises(UserError, match=r"run\.graphs: on, but a training step cannot be captured here"):
            training.advance()
        return
    steps(training, 3)
    assert not training.graphed.captured
    assert differing(state(training), plain) == []
    [line] = [line for line in capsys.readouterr().err.splitlines() if "CUDA graph" in line]
    assert "operation not permitted when stream is capturing" in line


def on_the_device(mode="auto"):
    count = torch.zeros((), device=CUDA)
    placement = Placement(CUDA, "fp32", False, 1, mode)
    return count, Graphed(lambda inputs: count.add_(inputs["x"]), placement)


@pytest.mark.parametrize(("share", "expected"), [(0.4, False), (0.6, True)])
def test_auto_captures_where_launching_takes_most_of_the_time(share, expected, cuda, monkeypatch):
    times = iter([0.0] * (WARM_UP - 1) + [0.0, share, 1.0])
    monkeypatch.setattr(graphed.time, "perf_counter", lambda: next(times))
    count, step = on_the_device()
    for _ in range(6):
        step({"x": torch.tensor(2.0)}, PAYS_FROM)
    assert step.captured == expected
    assert count.item() == 12


def test_auto_does_not_capture_a_few_steps(cuda):
    for mode, remaining, expected in (("auto", PAYS_FROM - 1, False), ("on", 5, True), ("off", 10**6, False)):
        count, step = on_the_device(mode)
        for k in range(5):
            step({"x": torch.tensor(1.0)}, remaining - k)
        assert (step.captured, count.item()) == (expected, 5)


def planted(name="drl", n=8):
    """Return how steps with and without graphs differ."""
    plain = state(steps(TRAININGS[name](CUDA), n))
    return differing(state(steps(TRAININGS[name](CUDA, graphs="on"), n)), plain)


def test_without_a_planted_bug(cuda):
    assert planted() == []


def test_a_rate_of_the_host_is_seen(cuda, monkeypatch):
    monkeypatch.setattr(loop, "scalars", lambda numbers: numbers.inner.tolist())
    assert "average.1" in planted()


def test_a_generator_that_is_not_registered_is_seen(cuda, monkeypatch):
    monkeypatch.setattr(
        loop.Training, "_graphed", lambda self: Graphed(self._learn, self.placement, [], self.optimiser.clear)
    )
    with pytest.raises(UserError, match="generator not in capture mode"):
        planted()


def test_a_copy_from_the_host_is_seen(cuda, monkeypatch):
    monkeypatch.setattr(colour, "_spread", colour._spread.__wrapped__)
    with pytest.raises(UserError, match="a copy between host and device while a graph is captured"):
        planted("simclr, blurred")


def test_a_sum_that_is_replaced_is_seen(cuda, monkeypatch):
    real = loop.Training.log

    def log(self):
        real(self)
        self.sums = {name: value.clone() for name, value in self.sums.items()}

    monkeypatch.setattr(loop.Training, "log", log)
    with pytest.raises(RuntimeError, match="freed after the capture"):
        planted()


def test_a_gradient_that_is_made_anew_is_seen(cuda, monkeypatch):
    def clear(self):
        self.sgd.zero_grad(set_to_none=True)
        self.lone_logit.grad = torch.zeros_like(self.lone_logit)

    monkeypatch.setattr(NesterovSGD, "clear", clear)
    with pytest.raises(RuntimeError, match="freed after the capture"):
        planted("fine-tuning, pseudo-labels")


def test_the_pretended_graph_ends_with_the_device():
    before = torch.cuda.CUDAGraph, torch.cuda.graph, torch.cuda.Stream
    with PretendedCuda():
        assert torch.cuda.CUDAGraph is not before[0]
    assert before == (torch.cuda.CUDAGraph, torch.cuda.graph, torch.cuda.Stream)
