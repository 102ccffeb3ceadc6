"""Pseudo-labels against the slow reference, and what must hold whatever the codes are."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.errors import UserError
from drl.laplacenet.alignment import align
from drl.laplacenet.pseudo_labels import pseudo_labels
from tests.laplacenet import reference
from tests.laplacenet.test_graph import codes


def clusters(seed, n=150, classes=4, spread=0.6, d=12):
    """Rectified codes around a centre per class, their classes, and which images are labelled: uneven, one a class."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(classes, (n,), generator=generator)
    truth[:classes] = torch.arange(classes)
    centres = torch.rand(classes, d, generator=generator)
    features = (centres[truth] + spread * torch.randn(n, d, generator=generator)).relu()
    extra = classes + torch.randperm(n - classes, generator=generator)[: 2 * classes]
    return features, truth, torch.cat([torch.arange(classes), extra])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.2, 1.0), k=st.integers(3, 15))
def test_matches_the_slow_way(seed, spread, k):
    features, truth, labelled = clusters(seed, spread=spread)
    ours = pseudo_labels(features, labelled, truth[labelled], 4, neighbours=k)
    slow, _, residuals = reference.pseudo_labels(features, labelled, truth[labelled], 4, k)
    assert ours.labels.tolist() == slow.tolist()
    assert ours.residual == pytest.approx(residuals.max(), rel=2e-2, abs=1e-6)
    assert ours.unconverged == (residuals >= 1e-3).sum()


def test_matches_with_copies_islands_zeros_and_a_class_without_labels():
    features = codes(6, 160, groups=3)
    features[20:40] = features[62:82]
    features[[5, 100, 155]] = 0
    labelled, labels = torch.tensor([0, 1, 3, 4, 7, 100, 130]), torch.tensor([0, 1, 3, 0, 1, 3, 3])
    ours = pseudo_labels(features, labelled, labels, 5, neighbours=6)
    slow, _, _ = reference.pseudo_labels(features, labelled, labels, 5, 6)
    assert ours.labels.tolist() == slow.tolist()
    # Nothing labelled is in the third group: its images, and those without code, get class 0.
    assert ours.labels[2::3][~torch.isin(torch.arange(2, 160, 3), labelled)].unique().tolist() == [0]
    assert ours.labels[5] == 0
    assert ours.labels[100] == 3


def test_fewer_images_than_neighbours():
    features, truth, labelled = clusters(3, n=20)
    ours = pseudo_labels(features, labelled, truth[labelled], 4, neighbours=50)
    slow, _, _ = reference.pseudo_labels(features, labelled, truth[labelled], 4, 50)
    assert ours.labels.tolist() == slow.tolist()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(1, 6),
    rounds=st.sampled_from([0, 1, 9, 10, 37, 100]),
    sharpness=st.floats(0.05, 3),
)
def test_alignment_matches_a_loop_over_images(seed, classes, rounds, sharpness):
    generator = torch.Generator().manual_seed(seed)
    scores = (sharpness * torch.randn(80, classes, generator=generator)).exp()
    scores[::9] = 0
    labels = torch.randint(classes, (10,), generator=generator)
    frequencies = torch.bincount(labels, minlength=classes).double() / 10
    probabilities = np.concatenate([scores.double().numpy(), np.eye(classes)[labels.numpy()]])
    slow = reference.align(probabilities, np.arange(80, 90), labels.numpy(), rounds)
    assert align(scores, frequencies, rounds).tolist() == slow[:80].tolist()


def test_alignment_moves_predictions_towards_the_labels():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(4000, 2, generator=generator) * torch.tensor([1.0, 1.1])
    even = torch.tensor([0.5, 0.5], dtype=torch.float64)
    before, after = (align(scores, even, rounds).double().mean() for rounds in (0, 100))
    assert before > 0.53
    assert after == pytest.approx(0.5, abs=0.005)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_images_does_not_matter_and_labels_are_kept(seed):
    features, truth, labelled = clusters(seed)
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    ours = pseudo_labels(features, labelled, truth[labelled], 4, neighbours=8).labels
    places = order.argsort()[labelled]
    moved = pseudo_labels(features[order], places, truth[labelled], 4, neighbours=8).labels
    assert torch.equal(ours[labelled], truth[labelled])
    assert (moved == ours[order]).double().mean() > 0.99  # sums in another order are rounded otherwise


def test_all_images_labelled():
    features, truth, _ = clusters(0)
    everyone = torch.arange(len(features))
    assert torch.equal(pseudo_labels(features, everyone, truth, 4).labels, truth)


def test_says_how_many_classes_did_not_converge():
    features, truth, labelled = clusters(1)
    hasty = pseudo_labels(features, labelled, truth[labelled], 5, neighbours=5, iterations=1)
    assert hasty.unconverged == 4
    assert hasty.residual > 1e-3
    assert pseudo_labels(features, labelled, truth[labelled], 5, neighbours=5, iterations=200).unconverged == 0


@pytest.mark.parametrize(
    ("labelled", "labels", "message"),
    [
        ([0, 150], [0, 1], "must be in 0 to 149"),
        ([0, 0], [0, 1], "labelled twice"),
        ([0, 1], [0, 4], "labels must be in 0 to 3"),
        ([0, 1], [0], "1 labels for 2 labelled images"),
        ([], [], "at least one"),
    ],
)
def test_labels_that_cannot_be_are_refused(labelled, labels, message):
    features, _, _ = clusters(0)
    given_labels = (torch.tensor(part, dtype=torch.int64) for part in (labelled, labels))
    with pytest.raises(UserError, match=message):
        pseudo_labels(features, *given_labels, 4)
