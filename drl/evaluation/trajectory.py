"""Probes of the infinite-dimensional code: on all its slices, concatenated, and on the one chosen by validation.

The paper measures one slice E(x, t) at a time, and leaves open how to use the whole trajectory (section 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from drl.config.studies import ProbeTraining
from drl.errors import UserError
from drl.evaluation.codes import CodeTable
from drl.evaluation.measurement import without
from drl.evaluation.mlp_probe import EvalSets, ProbeResult

# Trains probes with the options and seeds of the ordinary ones: takes the title of its progress, codes [T, N, D] with
# labels [N] to train on, and the eval sets to measure on.
Train = Callable[[str, tuple[Tensor, Tensor], EvalSets], ProbeResult]


@dataclass(frozen=True)
class Ordinary:
    """The ordinary probes of one label budget, with their inputs and results.

    Attributes:
        table: The codes.
        labelled: int64 indices of the images that keep their labels.
        val: int64 indices of the validation images.
        evaluations: Indices of the images of each eval set; val is one of them if validation selects.
        result: Results of the probes, one for each t and seed.
    """

    table: CodeTable
    labelled: Tensor
    val: Tensor
    evaluations: Mapping[str, Tensor]
    result: ProbeResult


def held_out(labelled: Tensor, val: Tensor) -> tuple[Tensor, Tensor]:
    """Split labelled images (int64 indices) into those that are not validation images, and those that are.

    Raises:
        UserError: If one part is empty.
    """
    rest = without(labelled, val)
    marked = without(labelled, rest)
    if not len(rest) or not len(marked):
        raise UserError(
            f"{len(marked)} of the {len(labelled)} labelled images are validation images, so t cannot be chosen on "
            "them; set the dataset's validation, or studies.probe.trajectory: false"
        )
    return rest, marked


def best_time(accuracy: Tensor) -> int:
    """Return the index of the first t with the best mean over probe seeds; accuracy is [S, T]."""
    means = accuracy.mean(0)
    # Equal means may differ in their last bit, depending on the order of summation.
    return int((means >= means.max() - 1e-9).nonzero()[0])


def side_by_side(codes: Tensor) -> Tensor:
    """Concatenate the codes of all t: [T, N, D] -> [1, N, T * D]."""
    return codes.transpose(0, 1).flatten(1).unsqueeze(0)


def trajectory(ordinary: Ordinary, protocol: ProbeTraining, train: Train) -> Iterator[dict[str, Any]]:
    """Probe the whole trajectory.

    Arm `concatenated` is one probe on the codes of all t. Arm `chosen` is the ordinary probe at one t, chosen without
    test images: by the ordinary probes' own validation accuracy, if they have one; otherwise by probes that are
    trained without the labelled validation images and measured on them, whose accuracies are given as well.

    Args:
        ordinary: The ordinary probes.
        protocol: The T values of t and the S probe seeds.
        train: How to train probes.

    Yields:
        Cells arm, probe_seed, t, epoch, metric, value in percent, n.

    Raises:
        UserError: If t has to be chosen and no labelled image is marked as validation.
    """

    def tests(cells: Mapping[str, Any], result: ProbeResult, column: int) -> Iterator[dict[str, Any]]:
        for row, seed in enumerate(protocol.seeds):
            yield {**cells, "probe_seed": seed, **result.cells("test", row, column), "n": count}

    count = len(ordinary.evaluations["test"])
    joined = _concatenated(ordinary, train)
    for row, cells in enumerate(tests({"arm": "concatenated"}, joined, 0)):
        yield cells | joined.bits("test", row, 0)
    validation, measured = _validation(ordinary, train)
    if "val" not in ordinary.evaluations:
        for row, seed in enumerate(protocol.seeds):
            for place, t in enumerate(protocol.t):
                cells = {"probe_seed": seed, "t": t, "metric": "val_accuracy", "value": float(validation[row, place])}
                yield {**cells, "n": measured}
    column = best_time(validation)
    chosen = {"arm": "chosen", "t": protocol.t[column]}
    yield from tests(chosen, ordinary.result, column)
    yield {**chosen, "metric": "val_accuracy", "value": float(validation[:, column].mean()), "n": measured}


def _concatenated(ordinary: Ordinary, train: Train) -> ProbeResult:
    def joined(indices: Tensor) -> tuple[Tensor, Tensor]:
        codes, labels = ordinary.table.part(indices)
        return side_by_side(codes), labels

    evaluations = {name: joined(indices) for name, indices in ordinary.evaluations.items()}
    return train("probes, all t side by side", joined(ordinary.labelled), evaluations)


def _validation(ordinary: Ordinary, train: Train) -> tuple[Tensor, int]:
    """Return validation accuracies [S, T] in percent, and the number of images."""
    if "val" in ordinary.evaluations:
        return ordinary.result.accuracy["val"], len(ordinary.evaluations["val"])
    rest, marked = held_out(ordinary.labelled, ordinary.val)
    evaluations = {"val": ordinary.table.part(marked)}
    return train("probes that choose t", ordinary.table.part(rest), evaluations).accuracy["val"], len(marked)
