"""Why fine-tuning cannot learn t: one t for a whole batch shifts channels, and batch normalisation takes shifts out."""

import pytest
import torch
from torch.nn import functional as F

from drl.laplacenet.classifier import set_t
from drl.laplacenet.sgd import NesterovSGD
from drl.models.wide_resnet import WideResNet
from drl.pipeline.configuration import resolve


@pytest.fixture
def network():
    torch.manual_seed(0)
    return WideResNet(channels=3, depth=10, width=1, classes=4, nf=4, fourier_scale=1.0).double()


@pytest.fixture
def x():
    return torch.randn(16, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def entropy(network, x, t):
    set_t(network, t)
    return F.cross_entropy(network.logits(x), torch.arange(16) % 4)


def test_in_training_the_loss_does_not_depend_on_a_common_t(network, x):
    losses = [entropy(network.train(), x, t).item() for t in (0.1, 0.5, 0.9)]
    assert losses == pytest.approx(losses[:1] * 3, rel=1e-12)
    entropy(network, x, 0.3).backward()
    assert abs(network.param_t.grad.item()) < 1e-15
    assert network.classifier.weight.grad.abs().max() > 1e-3


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_rounding_leaves_less_than_weight_decay_in_every_precision(network, x, precision):
    network, x = network.float().train(), x.float()
    for t in (0.1, 0.5, 0.9):
        network.zero_grad()
        with torch.autocast("cpu", precision, enabled=precision == torch.bfloat16):
            loss = entropy(network, x, t)
        loss.backward()
        # Weight decay pulls with 1e-4 times the logit; without care bf16 left 1e-3.
        assert abs(network.param_t.grad.item()) < 1e-5
        assert all(block.shift.weight.grad.abs().max() < 1e-5 for block in network.blocks)


def test_two_starts_of_t_train_the_same_weights(x):
    """So fine-tuning is robust to the start of t, because t is not used: only t and its shifts' statistics differ."""
    study, ends = resolve("paper").studies.fine_tune, []
    for start in (0.1, 0.9):
        torch.manual_seed(0)
        network = WideResNet(channels=3, depth=10, width=1, classes=4, nf=4, fourier_scale=1.0).double().train()
        first = network.classifier.weight.detach().clone()
        sgd = NesterovSGD(network, study, decays_t=True)
        loss = entropy(network, x, start)
        for _ in range(5):
            loss.backward()
            sgd.step(0.03)
            loss = F.cross_entropy(network.logits(x), torch.arange(16) % 4)
        assert (network.classifier.weight - first).abs().max() > 1e-3
        ends.append({name: value.detach() for name, value in network.named_parameters()})
    assert ends[0]["param_t"] < 0 < ends[1]["param_t"]
    for name in ends[0].keys() - {"param_t"}:
        torch.testing.assert_close(ends[0][name], ends[1][name], rtol=0, atol=1e-10)


def test_with_dropout_between_shift_and_normalisation_it_does(x):
    torch.manual_seed(0)
    network = WideResNet(channels=3, depth=10, width=1, classes=4, nf=4, fourier_scale=1.0, dropout=0.3).double()
    losses = []
    for t in (0.1, 0.9):
        torch.manual_seed(1)
        losses.append(entropy(network.train(), x, t).item())
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)


def test_with_the_statistics_of_training_it_does(network, x):
    network.train().logits(x)
    losses = [entropy(network.eval(), x, t).item() for t in (0.1, 0.9)]
    assert losses[0] != pytest.approx(losses[1], rel=1e-6)
    entropy(network, x, 0.3).backward()
    assert abs(network.param_t.grad.item()) > 1e-6


def test_in_pretraining_where_each_image_has_a_t_of_its_own_it_does_too(network, x):
    times = torch.linspace(0, 1, 16, dtype=torch.float64)
    found = [network.train().logits(x, t) for t in (times, times.flip(0))]
    assert not torch.allclose(*found, rtol=1e-4)
