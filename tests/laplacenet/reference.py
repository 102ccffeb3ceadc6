"""Pseudo-labels the slow, obvious way: a full search, scipy's graph and solver for each class, loops over images."""

import warnings

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import cg


def unit_codes(features):
    """Scale rows to norm 1 in float32; rows of zeros stay."""
    return torch.nn.functional.normalize(features, eps=1e-30)


def hits(features, k):
    """Find k + 1 hits of each point among all: indices and cosines, the nearest first, of equals the lowest index."""
    points = unit_codes(features).double()
    indices, cosines = [], []
    for point in points:
        order = (-(points * point).sum(1).clamp_min(0)).sort(stable=True)
        indices.append(order.indices[: k + 1].numpy())
        cosines.append(-order.values[: k + 1].float().numpy())
    return np.stack(indices), np.stack(cosines)


def graph(features, k):
    """D^-1/2 max(W, W^T) D^-1/2 as a scipy matrix."""
    n = len(features)
    indices, cosines = hits(features, k)
    indices, cosines = indices[:, 1:], cosines[:, 1:]
    rows = np.repeat(np.arange(n), indices.shape[1])
    w = sp.csr_matrix((cosines.ravel(), (rows, indices.ravel())), shape=(n, n))
    w = w.maximum(w.T).tolil()
    w.setdiag(0)
    w = w.tocsr()
    w.eliminate_zeros()
    degree = np.asarray(w.sum(axis=1), dtype=np.float64).ravel()
    degree[degree == 0] = 1
    scale = sp.diags(1 / np.sqrt(degree))
    return (scale @ w @ scale).tocsr()


def propagate(w, labelled, labels, classes, alpha, tolerance, iterations):
    """Solve class after class; return scores [N, C], relative residuals, and how many classes did not converge."""
    n = w.shape[0]
    matrix = sp.eye(n, format="csr") - alpha * w
    scores, residuals, unconverged = np.zeros((n, classes)), np.zeros(classes), 0
    for c in range(classes):
        y = np.zeros(n)
        y[labelled[labels == c]] = 1
        scores[:, c], _ = cg(matrix, y, rtol=tolerance, maxiter=iterations)
        if y.any():
            residuals[c] = np.linalg.norm(y - matrix @ scores[:, c]) / np.linalg.norm(y)
            unconverged += residuals[c] >= tolerance
    return scores, residuals, unconverged


def align(probabilities, labelled, labels, rounds):
    """Alignment as the authors' code has it, image after image."""
    n, classes = probabilities.shape
    is_labelled = dict(zip(labelled.tolist(), labels.tolist(), strict=True))
    unlabelled = [i for i in range(n) if i not in is_labelled]
    frequencies = np.bincount(labels, minlength=classes) / len(labels)
    predicted = {i: int(np.argmax(probabilities[i])) for i in unlabelled}
    for _ in range(rounds):
        counts = np.zeros(classes)
        for i in unlabelled:
            counts[predicted[i]] += 1
        ratio = np.clip(frequencies / (counts / max(len(unlabelled), 1) + 1e-7), 0.99, 1.01)
        for i in unlabelled:
            row = probabilities[i] * ratio
            total = row.sum()
            probabilities[i] = row / total if total > 0 else row
            predicted[i] = int(np.argmax(probabilities[i]))
    return np.array([is_labelled[i] if i in is_labelled else predicted[i] for i in range(n)])


def pseudo_labels(
    features, labelled, labels, classes, neighbours=50, alpha=0.99, tolerance=1e-3, iterations=30, rounds=100
):
    """Everything, as `drl.laplacenet.pseudo_labels` does it; returns labels [N], the scores, and the residuals."""
    labelled, labels = labelled.numpy(), labels.numpy()
    w = graph(features, neighbours)
    scores, residuals, _ = propagate(w, labelled, labels, classes, alpha, tolerance, iterations)
    scores[scores < 0] = 0
    total = scores.sum(1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probabilities = np.where(total > 0, scores / total, 0)
    return align(probabilities, labelled, labels, rounds), scores, residuals
