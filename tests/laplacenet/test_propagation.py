"""All classes at once against scipy's solver for each, and against the exact solution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.laplacenet import propagation
from drl.laplacenet.graph import build_graph
from drl.laplacenet.propagation import propagate
from tests.laplacenet import reference
from tests.laplacenet.test_graph import codes


def problem(seed, n=120, groups=1, k=6, classes=5):
    generator = torch.Generator().manual_seed(seed)
    features = codes(seed, n, groups=groups)
    labelled = torch.randperm(n, generator=generator)[:15]
    return build_graph(features, k), reference.graph(features, k), labelled, torch.arange(15) % classes


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    groups=st.integers(1, 4),
    tolerance=st.sampled_from([1e-1, 1e-3]),
    iterations=st.sampled_from([1, 3, 30]),
)
def test_matches_a_solver_for_each_class(seed, groups, tolerance, iterations):
    graph, slow_graph, labelled, labels = problem(seed, groups=groups)
    ours = propagate(graph, labelled, labels, 6, 0.99, tolerance, iterations)
    scores, residuals, _ = reference.propagate(
        slow_graph, labelled.numpy(), labels.numpy(), 6, 0.99, tolerance, iterations
    )
    np.testing.assert_allclose(ours.scores.numpy(), scores, rtol=1e-5, atol=1e-6 * scores.max())
    np.testing.assert_allclose(ours.residuals.numpy(), residuals, rtol=1e-4, atol=1e-9)


def test_converges_to_the_exact_solution():
    graph, _, labelled, labels = problem(1)
    target = torch.zeros(120, 5, dtype=torch.float64)
    target[labelled, labels] = 1
    exact = torch.linalg.solve(torch.eye(120, dtype=torch.float64) - 0.9 * graph.to_dense().double(), target)
    ours = propagate(graph, labelled, labels, 5, alpha=0.9, tolerance=1e-6, iterations=200)
    torch.testing.assert_close(ours.scores, exact, rtol=1e-4, atol=1e-6)
    assert ours.residuals.max() < 1e-6


def test_a_class_without_labels_stays_at_zero():
    graph, _, labelled, labels = problem(2)
    ours = propagate(graph, labelled, torch.where(labels == 3, 4, labels), 6)
    assert ours.scores[:, [3, 5]].count_nonzero() == 0
    assert ours.residuals[[3, 5]].tolist() == [0, 0]


def test_each_class_stops_by_itself():
    graph, _, labelled, labels = problem(3, groups=3)
    together = propagate(graph, labelled, labels, 5)
    for c in range(5):
        alone = propagate(graph, labelled[labels == c], labels[labels == c], 5)
        torch.testing.assert_close(together.scores[:, c], alone.scores[:, c])


def test_columns_at_a_time_do_not_matter(monkeypatch):
    graph, _, labelled, labels = problem(4)
    whole = propagate(graph, labelled, labels, 5)
    monkeypatch.setitem(propagation.COLUMNS, "cpu", 2)
    torch.testing.assert_close(propagate(graph, labelled, labels, 5).scores, whole.scores)


def test_says_when_it_did_not_converge():
    graph, _, labelled, labels = problem(5)
    assert propagate(graph, labelled, labels, 5, iterations=1).residuals.min() > 1e-3


@pytest.mark.parametrize("value", [0.0, 0.99])
def test_without_edges_labels_stay_where_they_are(value):
    ours = propagate(build_graph(torch.zeros(4, 2)), torch.tensor([1]), torch.tensor([0]), 2, alpha=value)
    assert ours.scores.tolist() == [[0, 0], [1, 0], [0, 0], [0, 0]]
