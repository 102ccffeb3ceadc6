"""Train many small MLPs of one shape together, with stacked weights and a hand-written forward and backward pass.

A single probe (`Linear(D, H), ReLU, Dropout, Linear(H, C)`) is too small to keep a processor busy. So the `T x S`
probes of T code sets and S seeds are one model whose tensors have a leading axis of `T * S` (the seed varies fastest).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# On a CPU, the hidden activations of one pass over some probes should fit into a core's second-level cache.
_CPU_CHUNK_BYTES = 2 << 20
_GPU_CHUNK_BYTES = 1 << 30


class Weights(NamedTuple):
    """Weights of G probes, in the layout of `torch.nn.Linear`.

    Attributes:
        hidden: [G, H, D].
        hidden_bias: [G, H].
        output: [G, C, H].
        output_bias: [G, C].
    """

    hidden: Tensor
    hidden_bias: Tensor
    output: Tensor
    output_bias: Tensor


class ProbeStream:
    """All randomness of one probe seed: its initial weights, its batch order and its dropout masks.

    A stream depends only on the seed (and, for the masks, on the type of device). So every code set gets the same
    draws, and the result of a seed does not depend on what runs beside it. Draw weights first, then epochs.

    Args:
        seed: The probe seed.
        device: Device on which dropout masks are drawn; weights and orders are always drawn on the CPU.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        """See the class."""
        self._host = torch.Generator().manual_seed(seed)
        mask_seed = int(torch.randint(2**62, (), generator=self._host))
        self._masks = torch.Generator(device).manual_seed(mask_seed)

    def weights(self, features: int, hidden: int, classes: int, dtype: torch.dtype) -> Weights:
        """Draw one probe's initial weights as `torch.nn.Linear` does: all U(-1/sqrt(fan_in), 1/sqrt(fan_in)).

        Returns:
            Weights without the leading axis, on the CPU.
        """

        def uniform(*shape: int, fan_in: int) -> Tensor:
            bound = 1 / math.sqrt(fan_in)
            return torch.empty(shape).uniform_(-bound, bound, generator=self._host).to(dtype)

        return Weights(
            uniform(hidden, features, fan_in=features),
            uniform(hidden, fan_in=features),
            uniform(classes, hidden, fan_in=hidden),
            uniform(classes, fan_in=hidden),
        )

    def order(self, count: int) -> Tensor:
        """Draw the order of an epoch: a permutation of `count` samples, int64, on the CPU."""
        return torch.randperm(count, generator=self._host)

    def fill(self, bits: Tensor) -> None:
        """Fill an int64 tensor on the stream's device with uniform bits, 64 per element."""
        bits.random_(-(2**63), None, generator=self._masks)


def kept(bits: Tensor, probability: float, batch: int, hidden: int) -> Tensor:
    """Turn random bits into dropout masks, 16 bits per unit (four times fewer draws than one number per unit).

    Args:
        bits: int64 [S, >= batch * hidden / 4], see `ProbeStream.fill`.
        probability: Probability of dropping a unit, rounded to a multiple of 2^-16.
        batch: Number of samples in the batch.
        hidden: Number of hidden units.

    Returns:
        bool [S, batch, hidden], true if a unit is kept.
    """
    threshold = min(round(probability * 2**16), 2**16 - 1) - 2**15
    units = bits.view(torch.int16)[:, : batch * hidden]
    return (units >= threshold).view(-1, batch, hidden)


class _Workspace:
    """Buffers for one batch size, so that a step allocates almost nothing."""

    def __init__(self, codes: Tensor, seeds: int, batch: int, hidden: int) -> None:
        sets, _, features = codes.shape
        budget = _CPU_CHUNK_BYTES if codes.device.type == "cpu" else _GPU_CHUNK_BYTES
        chunk = budget // (seeds * batch * hidden * codes.element_size())
        self.sets = min(max(chunk, 1), sets)
        probes = self.sets * seeds
        self.inputs = codes.new_empty(sets, seeds * batch, features)
        self.hidden = codes.new_empty(probes, batch, hidden)
        self.hidden_grad = torch.empty_like(self.hidden)
        self.bits = torch.empty(seeds, -(-batch * hidden // 4), dtype=torch.int64, device=codes.device)


class BatchedMlp:
    """T x S probes on T code sets and S seeds, with their Adam state.

    Args:
        codes: [T, N, D] training codes, float32 or float64, which is also the precision of weights, softmax and Adam.
        labels: int64 [N].
        streams: One new stream per seed.
        classes: Number of classes C.
        hidden: Number of hidden units H.
        dropout: Probability of dropping a hidden unit, in [0, 1).
        learning_rate: Learning rate of Adam.
        weight_decay: L2 penalty added to the gradient, as in `torch.optim.Adam`.
        products: Precision of the matrix products and the hidden layer; None means the precision of the codes.
    """

    def __init__(
        self,
        codes: Tensor,
        labels: Tensor,
        streams: Sequence[ProbeStream],
        *,
        classes: int,
        hidden: int,
        dropout: float,
        learning_rate: float,
        weight_decay: float,
        products: torch.dtype | None = None,
    ) -> None:
        """See the class."""
        self._codes = codes if products is None else codes.to(products)
        self._labels, self._streams, self._dropout = labels, list(streams), dropout
        self._classes = torch.arange(classes, device=codes.device).unsqueeze(1)
        self._zero = self._codes.new_zeros(())
        self._infinite = self._codes.new_full((), math.inf)
        self._workspaces: dict[int, _Workspace] = {}
        sets, _, features = codes.shape
        drawn = [stream.weights(features, hidden, classes, codes.dtype) for stream in self._streams]
        stacked = (torch.stack(same).to(codes.device) for same in zip(*drawn, strict=True))
        self.weights = Weights(*(tensor.repeat(sets, *[1] * (tensor.dim() - 1)) for tensor in stacked))
        self._grads = Weights(*(torch.zeros_like(tensor) for tensor in self.weights))
        for weight, grad in zip(self.weights, self._grads, strict=True):
            weight.grad = grad
        self._optimizer = torch.optim.Adam(self.weights, lr=learning_rate, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def train_epoch(self, batch_size: int, drop_last: bool) -> None:
        """Train every probe for one epoch.

        Args:
            batch_size: Samples in a batch; if there are fewer, all N form one batch.
            drop_last: Whether to skip the last, incomplete batch of the epoch.
        """
        count = self._codes.shape[1]
        batch = min(batch_size, count)
        orders = torch.stack([stream.order(count) for stream in self._streams])
        full = count // batch
        # A row holds one step's indices for all seeds; the whole epoch is copied to the device at once.
        rows = orders[:, : full * batch].reshape(len(self._streams), full, batch).transpose(0, 1)
        for row in rows.reshape(full, -1).to(self._codes.device):
            self._step(row, batch)
        if count > full * batch and not drop_last:
            self._step(orders[:, full * batch :].reshape(-1).to(self._codes.device), count - full * batch)

    @torch.no_grad()
    def finite(self) -> Tensor:
        """Return whether all weights of a probe and their moments are finite numbers, bool [T, S].

        A gradient whose square overflows makes Adam's second moment infinite for good, and its weight stands still.
        """
        parts = [part for weight in self.weights for part in (weight, *self._moments(weight))]
        whole = torch.stack([part.isfinite().flatten(1).all(1) for part in parts]).all(0)
        return whole.view(-1, len(self._streams))

    def _moments(self, weight: Tensor) -> list[Tensor]:
        state = self._optimizer.state[weight]
        return [state[name] for name in ("exp_avg", "exp_avg_sq") if name in state]

    def _workspace(self, batch: int) -> _Workspace:
        if batch not in self._workspaces:
            hidden = self.weights.hidden.shape[1]
            self._workspaces[batch] = _Workspace(self._codes, len(self._streams), batch, hidden)
        return self._workspaces[batch]

    def _step(self, index: Tensor, batch: int) -> None:
        """Do one Adam step of every probe on the samples `index` [S * batch]."""
        seeds, hidden = len(self._streams), self.weights.hidden.shape[1]
        space = self._workspace(batch)
        torch.index_select(self._codes, 1, index, out=space.inputs)
        labels = self._labels.index_select(0, index).view(seeds, 1, batch)
        one_hot = (labels == self._classes).to(self.weights.output.dtype)
        # ReLU and dropout are one clamp between 0 and this ceiling: 0 for dropped units, none for others, so that an
        # activation that overflows is not hidden.
        ceiling = self._infinite
        if self._dropout > 0:
            for stream, bits in zip(self._streams, space.bits, strict=True):
                stream.fill(bits)
            ceiling = torch.where(kept(space.bits, self._dropout, batch, hidden), self._infinite, self._zero)
        for first in range(0, self._codes.shape[0], space.sets):
            self._backpropagate(space, first, one_hot, ceiling)
        self._optimizer.step()

    def _backpropagate(self, space: _Workspace, first: int, one_hot: Tensor, ceiling: Tensor) -> None:
        """Write the gradients of the mean cross entropy for the probes of code sets first .. first + space.sets - 1."""
        seeds = len(self._streams)
        sets = min(space.sets, self._codes.shape[0] - first)
        part = slice(first * seeds, (first + sets) * seeds)
        # `to` copies only if the products are less precise than the weights.
        hidden_weight, hidden_bias, output_weight, output_bias = (
            tensor[part].to(self._codes.dtype) for tensor in self.weights
        )
        grads = Weights(*(tensor[part] for tensor in self._grads))
        activations, activations_grad = space.hidden[: sets * seeds], space.hidden_grad[: sets * seeds]
        _, batch, hidden = activations.shape
        inputs = space.inputs[first : first + sets].view(sets * seeds, batch, -1)
        # Dropout's factor for kept units is applied to the small tensors next to the hidden layer.
        scale = 1 / (1 - self._dropout)

        torch.baddbmm(hidden_bias.unsqueeze(1), inputs, hidden_weight.mT, out=activations)
        grouped = activations.view(sets, seeds, batch, hidden)
        torch.clamp(grouped, self._zero, ceiling, out=grouped)
        logits = torch.baddbmm(output_bias.unsqueeze(2), output_weight, activations.mT, alpha=scale)

        probabilities = torch.softmax(logits, 1, dtype=self.weights.output.dtype).view(sets, seeds, -1, batch)
        exact_grad = probabilities.sub_(one_hot).mul_(scale / batch).view_as(logits)
        torch.sum(exact_grad, 2, out=grads.output_bias).mul_(1 / scale)
        logits_grad = exact_grad.to(logits.dtype)
        _product(logits_grad, activations, grads.output)
        torch.bmm(logits_grad.mT, output_weight, out=activations_grad)
        # Units that ReLU or dropout set to 0 pass no gradient.
        torch.ops.aten.threshold_backward.grad_input(activations_grad, activations, 0, grad_input=activations_grad)
        _product(activations_grad.mT, inputs, grads.hidden)
        grads.hidden_bias.copy_(activations_grad.sum(1))


def _product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Write left @ right to `out`, which may have a higher precision."""
    if out.dtype == left.dtype:
        torch.bmm(left, right, out=out)
    else:
        out.copy_(torch.bmm(left, right))


@torch.no_grad()
def accuracy(weights: Weights, codes: Tensor, labels: Tensor) -> Tensor:
    """Measure the accuracy of every probe, float64 [T, S] in percent; see `outcomes`."""
    return outcomes(weights, codes, labels)[0]


def outcomes(weights: Weights, codes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Classify images with every probe, without dropout.

    Args:
        weights: Weights of T x S probes; the seed varies fastest.
        codes: [T, M, D], with the precision and device of the weights.
        labels: int64 [M].

    Returns:
        The accuracy, float64 [T, S], in percent; NaN for a probe that gives an output that is not finite, of which
        argmax would still make a class. And which images were classified rightly, bool [T, S, M]. Both are on the
        device of the codes.
    """
    sets, count, _ = codes.shape
    probes, hidden, features = weights.hidden.shape
    seeds = probes // sets
    budget = _CPU_CHUNK_BYTES if codes.device.type == "cpu" else _GPU_CHUNK_BYTES
    rows = max(budget // (seeds * hidden * codes.element_size()), 1)
    right = torch.empty(sets, seeds, count, dtype=torch.bool, device=codes.device)
    finite = torch.ones(sets, seeds, dtype=torch.bool, device=codes.device)
    for t in range(sets):
        part = slice(t * seeds, (t + 1) * seeds)
        # All seeds have the same input, so their first layers are one matrix.
        matrix, bias = weights.hidden[part].view(seeds * hidden, features).T, weights.hidden_bias[part].flatten()
        for first in range(0, count, rows):
            block = torch.addmm(bias, codes[t, first : first + rows], matrix).relu_()
            activations = block.view(-1, seeds, hidden).transpose(0, 1)
            logits = torch.baddbmm(weights.output_bias[part].unsqueeze(1), activations, weights.output[part].mT)
            finite[t] &= logits.sum((1, 2)).isfinite()
            right[t, :, first : first + rows] = logits.argmax(2) == labels[first : first + rows]
    return (right.sum(2).double() * (100 / count)).masked_fill_(~finite, float("nan")), right
