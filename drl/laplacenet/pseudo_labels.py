"""Pseudo-labels: graph, propagation, alignment (sections 3.2 and G; LaplaceNet, Sellars et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from drl.errors import UserError
from drl.laplacenet.alignment import align
from drl.laplacenet.graph import build_graph, near_together
from drl.laplacenet.propagation import propagate


@dataclass(frozen=True)
class PseudoLabels:
    """Classes of all training images.

    Attributes:
        labels: int64 [N], on the device; labelled images keep their own.
        residual: The largest relative residual of the classes' solutions.
        unconverged: Number of classes above the tolerance after the last iteration.
    """

    labels: Tensor
    residual: float
    unconverged: int

    def complaint(self, tolerance: float, iterations: int) -> str:
        """Return a sentence about classes that did not converge."""
        return (
            f"conjugate gradients left {self.unconverged} classes above the tolerance {tolerance} after {iterations} "
            f"iterations (relative residual {self.residual:.2g}); continuing with this solution, as LaplaceNet does"
        )


@torch.no_grad()
def pseudo_labels(
    features: Tensor,
    labelled: Tensor,
    labels: Tensor,
    classes: int,
    *,
    neighbours: int = 50,
    alpha: float = 0.99,
    tolerance: float = 1e-3,
    iterations: int = 30,
    rounds: int = 100,
) -> PseudoLabels:
    """Give each training image a class.

    An image that no labelled one reaches gets class 0, as in the authors' code. Nothing here is random.

    Args:
        features: Codes of all training images, float32 [N, D], not normalised, on the device.
        labelled: int64 [n], indices of labelled images, on any device.
        labels: int64 [n], their classes.
        classes: C; classes without labels are allowed.
        neighbours: k of the graph.
        alpha: How far labels spread.
        tolerance: Relative tolerance of conjugate gradients.
        iterations: Maximum number of iterations of conjugate gradients.
        rounds: Rounds of distribution alignment.

    Raises:
        UserError: If codes are not finite, or labelled images do not exist, occur twice or have an unknown class.
    """
    labelled, labels = labelled.to(features.device), labels.to(features.device)
    _check(len(features), labelled, labels, classes)
    places = near_together(features)
    graph = build_graph(features, neighbours, places)
    solved = propagate(graph, places[labelled], labels, classes, alpha, tolerance, iterations)
    unlabelled = torch.ones(len(features), dtype=torch.bool, device=features.device)
    unlabelled[labelled] = False
    frequencies = torch.bincount(labels, minlength=classes).double() / len(labels)
    result = torch.empty(len(features), dtype=torch.int64, device=features.device)
    result[unlabelled] = align(solved.scores[places[unlabelled]].clamp_min(0), frequencies, rounds)
    result[labelled] = labels
    unconverged = int((solved.residuals >= tolerance).sum())
    return PseudoLabels(result, float(solved.residuals.max()), unconverged)


def _check(n: int, labelled: Tensor, labels: Tensor, classes: int) -> None:
    """Refuse invalid labels."""
    if not len(labelled) or len(labelled) != len(labels):
        raise UserError(
            f"pseudo-labels: {len(labels)} labels for {len(labelled)} labelled images; give one for each, at least one"
        )
    if int(labelled.min()) < 0 or int(labelled.max()) >= n:
        raise UserError(f"pseudo-labels: labelled images must be in 0 to {n - 1}; correct the list of labels")
    if len(labelled.unique()) < len(labelled):
        raise UserError("pseudo-labels: an image is labelled twice; correct the list of labels")
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise UserError(f"pseudo-labels: labels must be in 0 to {classes - 1}; correct the list of labels")
