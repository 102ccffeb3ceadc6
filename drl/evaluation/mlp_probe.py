"""MLP probes on frozen codes (Figures 4, 5 and 9 to 11): how well a small network predicts the class, for each t.

The protocol is that of the authors' code: for each t, `Linear(D, 512), ReLU, Dropout(0.25), Linear(512, C)`, Adam with
weight decay 1e-5, batches of 256 without the last incomplete one, cross entropy. The paper uses 50 epochs. The authors'
code also sweeps learning rates on a validation split and reads the test accuracy at the best validation epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from drl.errors import UserError
from drl.evaluation.batched_mlp import BatchedMlp, ProbeStream, Weights, accuracy
from drl.jobs.progress import Reporter

EvalSets = Mapping[str, tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class ProbeOptions:
    """How a probe is trained. The defaults are those of the paper and the authors' code.

    Attributes:
        hidden: Number of hidden units.
        dropout: Probability of dropping a hidden unit, in [0, 1).
        learning_rate: Learning rate of Adam.
        weight_decay: L2 penalty added to the gradient.
        batch_size: Samples in a batch; if there are fewer, all samples form one batch.
        epochs: Passes over the training codes.
        drop_last: Whether an epoch skips its last, incomplete batch.
        select: Read the accuracy after the last epoch, or after the (first) epoch with the best validation accuracy.
        learning_rates: Rates to sweep instead of `learning_rate`, chosen per t by validation accuracy; empty: no sweep.
        precision: Precision of the matrix products in training; weights, softmax, Adam and the evaluation keep full
            precision. "bf16" is faster only on processors with bfloat16 matrix units (AMX, tensor cores).

    Raises:
        UserError: If a value is out of range.
    """

    hidden: int = 512
    dropout: float = 0.25
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    batch_size: int = 256
    epochs: int = 50
    drop_last: bool = True
    select: Literal["last", "best_val"] = "last"
    learning_rates: tuple[float, ...] = ()
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("hidden", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise UserError(f"probe: {name} is {getattr(self, name)}; give an integer of at least 1")
        if not 0 <= self.dropout < 1:
            raise UserError(f"probe: dropout is {self.dropout}; give a probability in [0, 1)")
        if self.weight_decay < 0:
            raise UserError(f"probe: weight_decay is {self.weight_decay}; give 0 or more")
        for rate in (self.learning_rate, *self.learning_rates):
            if not rate > 0:
                raise UserError(f"probe: a learning rate is {rate}; give a positive number")
        if self.select not in ("last", "best_val"):
            raise UserError(f"probe: select is {self.select!r}; give 'last' or 'best_val'")
        if self.precision not in ("fp32", "bf16"):
            raise UserError(f"probe: precision is {self.precision!r}; give 'fp32' or 'bf16'")

    @classmethod
    def from_settings(cls, protocol: Mapping[str, Any], precision: Literal["fp32", "bf16"]) -> ProbeOptions:
        """Take the options from a `probe` section of the settings, in the job's precision.

        A section without `select` and `learning_rates` (learning speed has none) selects nothing.
        """
        names = ("hidden", "dropout", "learning_rate", "weight_decay", "batch_size", "epochs")
        return cls(
            **{name: protocol[name] for name in names},
            select=protocol.get("select", "last"),
            learning_rates=tuple(protocol.get("learning_rates", ())),
            precision=precision,
        )

    @property
    def selects(self) -> bool:
        """Whether validation images choose an epoch or a learning rate."""
        return self.select == "best_val" or bool(self.learning_rates)

    @property
    def all_epochs(self) -> int:
        """How many epochs `train_probes` takes, all learning rates together."""
        return self.epochs * max(1, len(self.learning_rates))


@dataclass(frozen=True)
class ProbeResult:
    """Results of S seeds x T probes. All tensors are on the CPU.

    Attributes:
        accuracy: For each eval set, float64 [S, T] in percent, at the chosen epoch and learning rate.
        epoch: int64 [S, T], the epoch (1 = after the first) at which the accuracies were read.
        learning_rate: float64 [T], the rate used at each t.
    """

    accuracy: dict[str, Tensor]
    epoch: Tensor
    learning_rate: Tensor


def train_probes(
    codes: Tensor,
    labels: Tensor,
    eval_sets: EvalSets,
    classes: int,
    options: ProbeOptions,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    on_epoch: Callable[[int, int], None] | None = None,
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
        options: How to train and select.
        seeds: Probe seeds.
        device: Where to compute; the tensors are moved there.
        on_epoch: Called after each epoch with (epochs done, epochs in all).

    Returns:
        The accuracies.

    Raises:
        UserError: If shapes do not match, codes are not finite, labels are out of range, or seeds or "val" are missing.
    """
    if options.selects and "val" not in eval_sets:
        raise UserError(
            "probe: select: best_val and learning_rates need a validation set; set one aside or select 'last'"
        )
    if not eval_sets or not seeds:
        raise UserError("probe: nothing to measure; give at least one eval set and one seed")
    device = torch.device(device)
    train = _prepare("train", codes, labels, classes, device, None)
    evals = {name: _prepare(name, *pair, classes, device, train[0]) for name, pair in eval_sets.items()}
    rates = options.learning_rates or (options.learning_rate,)
    results = []
    for done, rate in enumerate(rates):
        progress = _progress(on_epoch, done * options.epochs, len(rates) * options.epochs)
        results.append(_train(train, evals, classes, replace(options, learning_rate=rate), seeds, progress))
    return results[0] if len(results) == 1 else _best_rate(results)


def train_in_view(
    title: str,
    labelled: tuple[Tensor, Tensor],
    eval_sets: EvalSets,
    classes: int,
    options: ProbeOptions,
    seeds: Sequence[int],
    device: torch.device,
) -> ProbeResult:
    """Call `train_probes` on codes and labels, and show its progress under a title."""
    with Reporter(title, options.all_epochs, unit="epochs") as reporter:
        return train_probes(*labelled, eval_sets, classes, options, seeds, device, lambda *_: reporter.advance())


def _progress(on_epoch: Callable[[int, int], None] | None, before: int, total: int) -> Callable[[int], None]:
    def report(epoch: int) -> None:
        if on_epoch is not None:
            on_epoch(before + epoch, total)

    return report


def _train(
    train: tuple[Tensor, Tensor],
    evals: dict[str, tuple[Tensor, Tensor]],
    classes: int,
    options: ProbeOptions,
    seeds: Sequence[int],
    progress: Callable[[int], None],
) -> ProbeResult:
    """Train with the single rate `options.learning_rate`."""
    codes, labels = train
    model = BatchedMlp(
        codes,
        labels,
        [ProbeStream(seed, codes.device) for seed in seeds],
        classes=classes,
        hidden=options.hidden,
        dropout=options.dropout,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        products=torch.bfloat16 if options.precision == "bf16" else None,
    )
    chosen = model.weights
    best = codes.new_full((codes.shape[0], len(seeds)), -1, dtype=torch.float64)
    best_epoch = torch.full_like(best, options.epochs, dtype=torch.int64)
    if options.select == "best_val":
        chosen = Weights(*(tensor.detach().clone() for tensor in model.weights))
    for epoch in range(1, options.epochs + 1):
        model.train_epoch(options.batch_size, options.drop_last)
        if options.select == "best_val":
            reached = accuracy(model.weights, *evals["val"])
            better = reached > best
            best = torch.where(better, reached, best)
            best_epoch.masked_fill_(better, epoch)
            _keep(chosen, model.weights, better)
        progress(epoch)
    reached_on = {name: accuracy(chosen, *pair).T.contiguous().cpu() for name, pair in evals.items()}
    rate = torch.full((codes.shape[0],), options.learning_rate, dtype=torch.float64)
    return ProbeResult(reached_on, best_epoch.T.contiguous().cpu(), rate)


def _keep(chosen: Weights, present: Weights, better: Tensor) -> None:
    """Copy the current weights of the probes that are `better`, bool [T, S], into `chosen`."""
    for kept, tensor in zip(chosen, present, strict=True):
        kept.copy_(torch.where(better.view(-1, *[1] * (tensor.dim() - 1)), tensor, kept))


def _best_rate(results: list[ProbeResult]) -> ProbeResult:
    """Choose for each t the first result with the best validation accuracy, averaged over seeds."""
    means = torch.stack([result.accuracy["val"].mean(0) for result in results])
    # argmax does not specify which of several equal values it returns, so the index of the first true is used.
    choice = (means == means.max(0).values).int().cumsum(0).eq(0).sum(0)
    times = torch.arange(means.shape[1])

    def pick(stacked: Tensor) -> Tensor:
        return stacked[choice, :, times].T.contiguous()

    names = results[0].accuracy
    return ProbeResult(
        {name: pick(torch.stack([result.accuracy[name] for result in results])) for name in names},
        pick(torch.stack([result.epoch for result in results])),
        torch.stack([result.learning_rate for result in results])[choice, times],
    )


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
