"""Probes trained one after another: one `nn.Sequential` and one `torch.optim.Adam` per seed and t, on the device."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from drl.config.studies import ProbeTraining
from drl.evaluation.batched_mlp import ProbeStream, kept


class ReplayedDropout(nn.Module):
    """Dropout with masks from the probe's stream, so that two implementations can be compared number by number.

    Args:
        stream: Source of the masks.
        probability: Probability of dropping a unit.
    """

    def __init__(self, stream: ProbeStream, probability: float) -> None:
        """See the class."""
        super().__init__()
        self.stream, self.probability = stream, probability

    def forward(self, units: Tensor) -> Tensor:
        """Drop units of [batch, hidden] in training mode."""
        if not self.training or self.probability == 0:
            return units
        bits = torch.empty(1, -(-units.numel() // 4), dtype=torch.int64, device=units.device)
        self.stream.fill(bits)
        stays = kept(bits, self.probability, *units.shape)[0]
        return units * stays / (1 - self.probability)


def train_one(
    codes: Tensor,
    labels: Tensor,
    classes: int,
    options: ProbeTraining,
    seed: int,
    replay: bool,
    drop_last: bool = True,
    after_epoch: Callable[[nn.Sequential], None] | None = None,
) -> nn.Sequential:
    """Train one probe on codes [N, D].

    Args:
        codes: Training codes, on the device.
        labels: int64 [N], on the device.
        classes: Number of classes.
        options: How to train; the choice of an epoch is ignored.
        seed: The probe seed.
        replay: Whether dropout uses the masks of the seed's stream; otherwise it is `nn.Dropout`, which uses the global
            generator.
        drop_last: Whether the last, incomplete batch of an epoch is left out.
        after_epoch: Called with the probe, in training mode, after each epoch.

    Returns:
        The probe, in evaluation mode.
    """
    stream = ProbeStream(seed, codes.device)
    first, first_bias, second, second_bias = stream.weights(codes.shape[1], options.hidden, classes, codes.dtype)
    dropout = ReplayedDropout(stream, options.dropout) if replay else nn.Dropout(options.dropout)
    with torch.random.fork_rng(devices=[]):
        layers = [nn.Linear(codes.shape[1], options.hidden), nn.Linear(options.hidden, classes)]
    probe = nn.Sequential(layers[0], nn.ReLU(), dropout, layers[1]).to(codes.device, codes.dtype)
    probe.load_state_dict({"0.weight": first, "0.bias": first_bias, "3.weight": second, "3.bias": second_bias})
    optimizer = torch.optim.Adam(probe.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    batch = min(options.batch_size, len(codes))
    for _ in range(options.epochs):
        order = stream.order(len(codes)).to(codes.device)
        for index in torch.split(order, batch):
            if len(index) < batch and drop_last:
                continue
            loss = nn.functional.cross_entropy(probe(codes[index]), labels[index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        if after_epoch is not None:
            after_epoch(probe)
    return probe.eval()


@torch.no_grad()
def measure(probe: nn.Sequential, codes: Tensor, labels: Tensor) -> float:
    """Return the accuracy in percent of a probe on codes [M, D] with labels [M], without dropout."""
    was_training = probe.training
    probe.eval()
    correct = int((probe(codes).argmax(1) == labels).sum())
    probe.train(was_training)
    return 100 * correct / len(labels)


def train_sequentially(
    codes: Tensor,
    labels: Tensor,
    test: tuple[Tensor, Tensor],
    classes: int,
    options: ProbeTraining,
    replay: bool = False,
) -> Tensor:
    """Train one probe per seed and code set, one after another, and measure it after the last epoch.

    Args:
        codes: [T, N, D], on the device.
        labels: int64 [N], on the device.
        test: Codes [T, M, D] and labels [M], on the device.
        classes: Number of classes.
        options: How to train, and the probe seeds; the choice of an epoch is ignored.
        replay: See `train_one`.

    Returns:
        Test accuracy in percent, float64 [S, T].
    """
    rows = []
    for seed in options.seeds:
        probes = [train_one(code_set, labels, classes, options, seed, replay) for code_set in codes]
        rows.append([measure(probe, code_set, test[1]) for probe, code_set in zip(probes, test[0], strict=True)])
    return torch.tensor(rows, dtype=torch.float64)
