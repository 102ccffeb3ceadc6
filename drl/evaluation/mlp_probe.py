"""MLP probes on frozen codes (Figures 4, 5 and 9 to 11): how well a small network predicts the class, for each t.

The protocol is that of the authors' code: for each t, `Linear(D, 512), ReLU, Dropout(0.25), Linear(512, C)`, Adam with
weight decay 1e-5, batches of 256 without the last incomplete one, cross entropy. The paper uses 50 epochs. The authors'
code also sweeps learning rates on a validation split and reads the test accuracy at the best validation epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from drl.config.studies import ProbeTraining
from drl.errors import UserError
from drl.evaluation.batched_mlp import BatchedMlp, ProbeStream, Weights, accuracy, outcomes
from drl.jobs.device import Placement
from drl.jobs.progress import Reporter
from drl.records.right import RIGHT, packed

Precision = Literal["fp32", "bf16"]
EvalSets = Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ProbeResult:
    """Results of S seeds x T probes. All tensors are on the CPU.

    Attributes:
        accuracy: For each eval set, float64 [S, T] in percent, at the chosen epoch and learning rate.
        right: For each eval set, which images were classified rightly, bool [S, T, M].
        epoch: int64 [S, T], the epoch (1 = after the first) at which the accuracies were read.
        learning_rate: float64 [T], the rate used at each t.
    """

    accuracy: dict[str, Tensor]
    right: dict[str, Tensor]
    epoch: Tensor
    learning_rate: Tensor

    def cells(self, name: str, row: int, column: int) -> dict[str, Any]:
        """Return the cells of a metrics row: what one probe reached on the eval set of a name, and in which epoch."""
        value, epoch = float(self.accuracy[name][row, column]), int(self.epoch[row, column])
        return {"epoch": epoch, "metric": f"{name}_accuracy", "value": value}

    def bits(self, name: str, row: int, column: int) -> dict[str, str]:
        """Return which images of the eval set that probe got right, for drl.records.right."""
        return {RIGHT: packed(self.right[name][row, column])}


def train_probes(
    codes: Tensor,
    labels: Tensor,
    eval_sets: EvalSets,
    classes: int,
    protocol: ProbeTraining,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    on_epoch: Callable[[], None] = lambda: None,
) -> ProbeResult:
    """Train one probe per code set and seed, all at once, and measure them.

    A seed determines initial weights, batch order and dropout masks, which are the same for all t. Its result does not
    depend on the other seeds and code sets of the call (except for float rounding). In a sweep, each rate starts from
    the same draws, and each t uses the first rate with the best validation accuracy (at the epoch given by `select`),
    averaged over seeds.

    Args:
        codes: [T, N, D], one code set per time t; computed in float64 if that is what they are, else in float32.
        labels: int64 [N] in [0, classes).
        eval_sets: Name to (codes [T, M, D], labels [M]). "val" selects epoch and rate, where the options select.
        classes: Number of classes.
        protocol: How to train and select, and the probe seeds.
        device: Where to compute; the tensors are moved there.
        precision: Of the matrix products in training; weights, softmax, Adam and the evaluation keep full precision.
            "bf16" pays only where the processor has bfloat16 matrix units (AMX, tensor cores).
        on_epoch: Called after each epoch of each learning rate.

    Returns:
        The accuracies.

    Raises:
        UserError: Shapes that do not fit, codes not finite, labels out of range, no eval set, no "val" where needed, or
            a probe that diverged, at every learning rate of a sweep.
    """
    if protocol.uses_validation and "val" not in eval_sets:
        raise UserError(
            "probe: select: best_val and learning_rates need a validation set; set one aside or select 'last'"
        )
    if not eval_sets:
        raise UserError("probe: nothing to measure; give at least one eval set")
    device = torch.device(device)
    train = _prepare("train", codes, labels, classes, device, None)
    evals = {name: _prepare(name, *pair, classes, device, train[0]) for name, pair in eval_sets.items()}
    products = torch.bfloat16 if precision == "bf16" else None
    rates = protocol.learning_rates or (protocol.learning_rate,)
    results = [_train(train, evals, classes, protocol, rate, products, on_epoch) for rate in rates]
    return _finite(results[0] if len(results) == 1 else _best_rate(results), protocol)


def train_in_view(
    title: str,
    labelled: tuple[Tensor, Tensor],
    eval_sets: EvalSets,
    classes: int,
    protocol: ProbeTraining,
    placement: Placement,
) -> ProbeResult:
    """Train probes as `train_probes` does, on codes and labels, and show their progress under a title."""
    epochs, device = protocol.epochs * max(1, len(protocol.learning_rates)), placement.device
    with Reporter(title, epochs, unit="epochs") as reporter:
        return train_probes(*labelled, eval_sets, classes, protocol, device, placement.precision, reporter.advance)


def _train(
    train: tuple[Tensor, Tensor],
    evals: dict[str, tuple[Tensor, Tensor]],
    classes: int,
    protocol: ProbeTraining,
    learning_rate: float,
    products: torch.dtype | None,
    on_epoch: Callable[[], None],
) -> ProbeResult:
    """Train with one learning rate."""
    codes, labels = train
    model = BatchedMlp(
        codes,
        labels,
        [ProbeStream(seed, codes.device) for seed in protocol.seeds],
        classes=classes,
        hidden=protocol.hidden,
        dropout=protocol.dropout,
        learning_rate=learning_rate,
        weight_decay=protocol.weight_decay,
        products=products,
    )
    chosen = model.weights
    best = codes.new_full((codes.shape[0], len(protocol.seeds)), -1, dtype=torch.float64)
    best_epoch = torch.full_like(best, protocol.epochs, dtype=torch.int64)
    if protocol.select == "best_val":
        chosen = Weights(*(tensor.detach().clone() for tensor in model.weights))
    for epoch in range(1, protocol.epochs + 1):
        model.train_epoch(protocol.batch_size, drop_last=True)
        if protocol.select == "best_val":
            reached = accuracy(model.weights, *evals["val"])
            better = reached > best
            best = torch.where(better, reached, best)
            best_epoch.masked_fill_(better, epoch)
            _keep(chosen, model.weights, better)
        on_epoch()
    # Where no epoch was finite, the chosen weights are still the untrained ones.
    never = ~model.finite() | ((best < 0) & (protocol.select == "best_val"))
    found = {name: outcomes(chosen, *pair) for name, pair in evals.items()}
    reached_on = {
        name: reached.masked_fill_(never, float("nan")).T.contiguous().cpu() for name, (reached, _) in found.items()
    }
    right_on = {name: right.transpose(0, 1).contiguous().cpu() for name, (_, right) in found.items()}
    rate = torch.full((codes.shape[0],), learning_rate, dtype=torch.float64)
    return ProbeResult(reached_on, right_on, best_epoch.T.contiguous().cpu(), rate)


def _keep(chosen: Weights, present: Weights, better: Tensor) -> None:
    """Copy the current weights of the probes that are `better`, bool [T, S], into `chosen`."""
    for kept, tensor in zip(chosen, present, strict=True):
        kept.copy_(torch.where(better.view(-1, *[1] * (tensor.dim() - 1)), tensor, kept))


def _best_rate(results: list[ProbeResult]) -> ProbeResult:
    """Choose for each t the first result with the best validation accuracy, averaged over seeds."""
    # A rate at which a probe diverged is chosen last; -1 is below every accuracy.
    means = torch.stack([result.accuracy["val"].mean(0) for result in results]).nan_to_num(nan=-1)
    # argmax does not specify which of several equal values it returns, so the index of the first true is used.
    choice = (means == means.max(0).values).int().cumsum(0).eq(0).sum(0)
    times = torch.arange(means.shape[1])

    def pick(stacked: Tensor) -> Tensor:
        return stacked[choice, :, times].transpose(0, 1).contiguous()

    names = results[0].accuracy
    return ProbeResult(
        {name: pick(torch.stack([result.accuracy[name] for result in results])) for name in names},
        {name: pick(torch.stack([result.right[name] for result in results])) for name in names},
        pick(torch.stack([result.epoch for result in results])),
        torch.stack([result.learning_rate for result in results])[choice, times],
    )


def _finite(result: ProbeResult, protocol: ProbeTraining) -> ProbeResult:
    """Return a result if all of its accuracies are of probes whose numbers are finite, in training and in use."""
    for name, reached in result.accuracy.items():
        bad = (~reached.isfinite()).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            raise UserError(
                f"probe: the probe of seed {protocol.seeds[row]} at t index {column} diverged at learning rate "
                f"{float(result.learning_rate[column]):g}, so its {name} accuracy means nothing; lower the study's "
                "learning_rate or learning_rates, or pretrain the model again if its codes are huge numbers"
            )
    return result


def _prepare(
    name: str, codes: Tensor, labels: Tensor, classes: int, device: torch.device, like: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Check one set of codes and labels, and move it to the device, in the precision of `like` if given."""
    if codes.dim() != 3 or 0 in codes.shape:
        raise UserError(
            f"probe: {name} codes have shape {tuple(codes.shape)}; give [times, samples, features], none empty"
        )
    if labels.shape != codes.shape[1:2]:
        raise UserError(
            f"probe: {name} labels have shape {tuple(labels.shape)}; give one for each of {codes.shape[1]} codes"
        )
    if labels.is_floating_point() or labels.dtype is torch.bool:
        raise UserError(f"probe: {name} labels are {labels.dtype}; give integers")
    if like is not None and (codes.shape[0], codes.shape[2]) != (like.shape[0], like.shape[2]):
        raise UserError(
            f"probe: {name} codes have {codes.shape[0]} times of {codes.shape[2]} features; the training codes have "
            f"{like.shape[0]} of {like.shape[2]}, give the same"
        )
    precision = like.dtype if like is not None else (torch.float64 if codes.dtype is torch.float64 else torch.float32)
    codes, labels = codes.detach().to(device, precision), labels.to(device, torch.int64)
    finite = torch.stack([torch.isfinite(code_set).all() for code_set in codes]).cpu()
    if not finite.all():
        raise UserError(
            f"probe: {name} codes at t index {int((~finite).nonzero()[0])} contain NaN or inf; check that encoder"
        )
    low, high = (int(value) for value in torch.aminmax(labels))
    if low < 0 or high >= classes:
        raise UserError(f"probe: {name} labels span {low} to {high}; with {classes} classes give 0 to {classes - 1}")
    return codes, labels
