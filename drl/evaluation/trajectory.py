"""Probes of the infinite-dimensional code: of all its slices side by side, and of the one that validation chooses.

The paper measures one slice E(x, t) at a time and leaves the use of the whole trajectory open (section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from drl.config.studies import ProbeTraining
from drl.errors import UserError
from drl.evaluation.codes import CodeTable
from drl.evaluation.measurement import without
from drl.evaluation.mlp_probe import EvalSets, ProbeResult


class Train(Protocol):
    """Trains probes as the ordinary ones are trained, with the same options and seeds."""

    def __call__(self, title: str, labelled: tuple[Tensor, Tensor], evaluations: EvalSets) -> ProbeResult:
        """Train on codes [T, N, D] with labels [N] and measure on the eval sets; the title names the progress."""
        ...


@dataclass(frozen=True)
class Ordinary:
    """The ordinary probes of one label budget: what they read, and what they reached.

    Attributes:
        table: The codes.
        labelled: int64 positions of the images that keep their labels.
        val: int64 positions of the images marked as validation.
        evaluations: Positions of the images of each eval set; val is one of them where validation selects.
        result: What one probe for each t and seed reached.
    """

    table: CodeTable
    labelled: Tensor
    val: Tensor
    evaluations: Mapping[str, Tensor]
    result: ProbeResult


def held_out(labelled: Tensor, val: Tensor) -> tuple[Tensor, Tensor]:
    """Split labelled images (int64 positions) into those not marked as validation, and those that are.

    Raises:
        UserError: If one part is empty.
    """
    rest = without(labelled, val)
    marked = without(labelled, rest)
    if not len(rest) or not len(marked):
        raise UserError(
            f"{len(marked)} of the {len(labelled)} labelled images are marked as validation, so t cannot be chosen on "
            "them; set the dataset's validation, or studies.probe.trajectory: false"
        )
    return rest, marked


def best_time(accuracy: Tensor) -> int:
    """Return the index of the t with the best mean over probe seeds, the first of equals; accuracy is [S, T]."""
    means = accuracy.mean(0)
    # Equal means may differ in their last bit, by the order in which they were summed.
    return int((means >= means.max() - 1e-9).nonzero()[0])


def side_by_side(codes: Tensor) -> Tensor:
    """Concatenate the codes of all t: [T, N, D] -> [1, N, T * D]."""
    return codes.transpose(0, 1).flatten(1).unsqueeze(0)


def trajectory(ordinary: Ordinary, protocol: ProbeTraining, train: Train) -> Iterator[dict[str, Any]]:
    """Probe the whole trajectory.

    Arm `concatenated` is one probe on the codes of all t. Arm `chosen` is the ordinary probe at one t, chosen without
    test images: by the ordinary probes' own validation accuracy where validation selects, else by probes that are
    trained without those labelled images that are marked as validation, and measured on these.

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
    yield from tests({"arm": "concatenated"}, _concatenated(ordinary, train), 0)
    validation, measured = _validation(ordinary, train)
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
    """Return validation accuracies [S, T] in percent, and how many images they are of."""
    if "val" in ordinary.evaluations:
        return ordinary.result.accuracy["val"], len(ordinary.evaluations["val"])
    rest, marked = held_out(ordinary.labelled, ordinary.val)
    evaluations = {"val": ordinary.table.part(marked)}
    return train("probes that choose t", ordinary.table.part(rest), evaluations).accuracy["val"], len(marked)
