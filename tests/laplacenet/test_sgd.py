import copy
import math

import pytest
import torch

from drl.laplacenet.schedule import Schedule
from drl.laplacenet.sgd import NesterovSGD
from drl.models.wide_resnet import WideResNet
from drl.pipeline.configuration import resolve

STUDY = resolve("paper").studies.fine_tune


def network(t=0.9):
    torch.manual_seed(0)
    built = WideResNet(channels=1, depth=10, width=1, classes=3, nf=2)
    with torch.no_grad():
        built.param_t.fill_(math.log(t / (1 - t)))
    return built


def gradients(model, step):
    source = torch.Generator().manual_seed(step)
    for parameter in model.parameters():
        # As autograd does, in the memory order of the weight.
        parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=source))


def decayed(start, rates):
    """Nesterov's recursion on one number whose only gradient is its decay, in plain Python."""
    value, momentum = start, None
    for rate in rates:
        gradient = STUDY.weight_decay * value
        momentum = gradient if momentum is None else STUDY.momentum * momentum + gradient
        value -= rate * (gradient + STUDY.momentum * momentum)
    return value


@pytest.mark.parametrize("decays", [True, False])
def test_steps_are_those_of_torch_with_a_loop_over_parameters(decays):
    ours, plain = network(), network()
    sgd = NesterovSGD(ours, STUDY, decays)
    reference = [
        torch.optim.SGD(
            [parameter],
            lr=1.0,
            momentum=0.9,
            nesterov=True,
            weight_decay=0.0 if name == "param_t" and not decays else 5e-4,
            foreach=False,
        )
        for name, parameter in plain.named_parameters()
    ]
    for step, rate in enumerate((0.03, 0.02, 0.01)):
        for model in (ours, plain):
            gradients(model, step)
        sgd.step(rate)
        for one in reference:
            one.param_groups[0]["lr"] = rate
            one.step()
    for found, expected in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
    assert all(parameter.grad is None for parameter in ours.parameters())


def test_the_lone_logit_feels_weight_decay_and_nothing_else():
    model = network()
    rates = [0.03 * (1 - step / 50) for step in range(50)]
    sgd, still = NesterovSGD(model, STUDY, True), NesterovSGD(network(), STUDY, False)
    for step, rate in enumerate(rates):
        gradients(model, step)
        sgd.step(rate)
    assert sgd.lone_logit.item() == pytest.approx(decayed(math.log(9), rates), rel=1e-5)
    assert model.param_t.item() != pytest.approx(sgd.lone_logit.item(), rel=1e-3)
    for rate in rates:
        still.step(rate)
    assert still.lone_logit.item() == pytest.approx(math.log(9), rel=1e-6)


def test_weight_decay_alone_takes_every_start_to_a_half():
    """The paper finds t in [0.4, 0.6] at the end, whatever its start; so it would be without any gradient."""
    schedule = Schedule.of(100, 50000, STUDY)
    for start in (0.01, 0.1, 0.9, 0.99):
        logit, reached = math.log(start / (1 - start)), {}
        for end in (26, 31, 101):
            rates = [schedule.rate(epoch, step) for epoch in range(end) for step in range(schedule.steps(epoch))]
            reached[end] = 1 / (1 + math.exp(-decayed(logit, rates)))
        assert 0.39 < reached[26] < 0.61
        assert 0.44 < reached[31] < 0.56
        assert reached[101] == pytest.approx(0.5, abs=0.005)


def test_state_goes_on_bit_for_bit():
    whole, cut = network(), network()
    first, before = NesterovSGD(whole, STUDY, True), NesterovSGD(cut, STUDY, True)
    for step in range(2):
        for model, sgd in ((whole, first), (cut, before)):
            gradients(model, step)
            sgd.step(0.02)
    resumed = copy.deepcopy(cut).to(memory_format=torch.channels_last)
    after = NesterovSGD(resumed, STUDY, True)
    after.load({name: value.clone() for name, value in before.tensors().items()})
    for step in range(2, 4):
        for model, sgd in ((whole, first), (resumed, after)):
            gradients(model, step)
            sgd.step(0.01)
    for found, expected in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(after.lone_logit, first.lone_logit)
