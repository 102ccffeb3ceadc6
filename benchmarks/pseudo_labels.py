"""Time of one update of the pseudo-labels, compared with the plain way: 50,000 codes of 128 numbers, k = 50.

The plain way is a full search in fp32 (matmul and topk), scipy's solver for one class after another, and numpy for the
alignment of the whole matrix of probabilities in each round.

    python benchmarks/pseudo_labels.py [--classes 10 100] [--images 50000] [--threads 2] [--out bench.json]
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.sparse
import torch
from scipy.sparse.linalg import cg
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.harness import command_line, seconds, write
from drl.jobs.device import place
from drl.laplacenet.pseudo_labels import pseudo_labels

FEATURES, NEIGHBOURS, ALPHA, TOLERANCE, ITERATIONS, ROUNDS = 128, 50, 0.99, 1e-3, 30, 100


def clusters(images: int, classes: int) -> tuple[Tensor, Tensor]:
    """Draw rectified codes [images, 128] around one centre per class, and their classes [images]."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (images,), generator=generator)
    centres = torch.randn(classes, FEATURES, generator=generator)
    directions = torch.randn(16, FEATURES, generator=generator) / 4
    within = torch.randn(images, 16, generator=generator) @ directions
    noise = torch.randn(images, FEATURES, generator=generator)
    return (centres[labels] + within + noise).relu(), labels


def plain_graph(features: Tensor, dtype: torch.dtype) -> scipy.sparse.csr_matrix:
    """Return D^-1/2 max(W, W^T) D^-1/2 after a full search in the given precision; the codes are on the device."""
    points = torch.nn.functional.normalize(features).to(dtype)
    parts = [(block @ points.T).topk(NEIGHBOURS + 1) for block in points.split(1000)]
    n = len(points)
    values = torch.cat([part.values[:, 1:] for part in parts]).float().double().cpu().numpy()
    columns = torch.cat([part.indices[:, 1:] for part in parts]).cpu().numpy()
    rows = np.repeat(np.arange(n), NEIGHBOURS)
    joined = scipy.sparse.csr_matrix((values.ravel(), (rows, columns.ravel())), shape=(n, n))
    joined = joined.maximum(joined.T)
    joined = joined - scipy.sparse.diags(joined.diagonal())
    degree = np.asarray(joined.sum(axis=1)).ravel()
    degree[degree == 0] = 1
    scale = scipy.sparse.diags(1 / np.sqrt(degree))
    return scale @ joined @ scale


def plain(
    features: Tensor, labelled: Tensor, labels: Tensor, classes: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Return the class of each image, int64 [N], computed in plain steps."""
    n = len(features)
    matrix = (scipy.sparse.eye(n) - ALPHA * plain_graph(features, dtype)).tocsr()
    known, own = labelled.cpu().numpy(), labels.cpu().numpy()
    scores = np.zeros((n, classes))
    for c in range(classes):
        target = np.zeros(n)
        target[known[own == c]] = 1
        scores[:, c], _ = cg(matrix, target, rtol=TOLERANCE, maxiter=ITERATIONS)
    scores[scores < 0] = 0
    unlabelled = np.setdiff1d(np.arange(n), known)
    part = scores[unlabelled]
    part /= np.maximum(part.sum(1, keepdims=True), 1e-300)
    predicted, frequencies = part.argmax(1), np.bincount(own, minlength=classes) / len(own)
    for _ in range(ROUNDS):
        shares = np.bincount(predicted, minlength=classes) / len(part)
        part *= np.clip(frequencies / (shares + 1e-7), 0.99, 1.01)
        part /= np.maximum(part.sum(1, keepdims=True), 1e-300)
        predicted = part.argmax(1)
    result = np.empty(n, dtype=np.int64)
    result[known], result[unlabelled] = own, predicted
    return torch.from_numpy(result)


def compare(images: int, classes: int, labelled: int, repeats: int, device: torch.device) -> dict[str, object]:
    """Time both ways in turn.

    Args:
        images: Number of images, N.
        classes: Number of classes, C.
        labelled: Number of images with labels.
        repeats: Number of timings of each way; the median is reported.
        device: The device, except for the parts with scipy and numpy.

    Returns:
        Seconds of both, their ratio (the median over repeats), and the number of our pseudo-labels that differ from
        those of the plain way, and from those of the plain way with a search in float64. (In fp32, rounding decides the
        order of nearly equal cosines, and a single different neighbour can change labels in the rounds of alignment.)
    """
    features, truth = clusters(images, classes)
    known = torch.randperm(images, generator=torch.Generator().manual_seed(1))[:labelled]
    given = (features.to(device), known.to(device), truth[known].to(device), classes)
    ways = {"ours": lambda: pseudo_labels(*given).labels.cpu(), "plain": lambda: plain(*given)}
    timings: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, Tensor] = {}
    small = min(images, 3000)
    few = torch.arange(classes, device=device)
    pseudo_labels(given[0][:small], few, few, classes)
    for _ in range(repeats):
        for name, work in ways.items():
            took, results[name] = seconds(work, device)
            timings[name].append(took)
    exact = plain(*given, torch.float64)
    ratios = [slow / fast for slow, fast in zip(timings["plain"], timings["ours"], strict=True)]
    return {
        "classes": classes,
        "seconds": {name: statistics.median(values) for name, values in timings.items()},
        "ratio": statistics.median(ratios),
        "different_labels": int((results["ours"] != results["plain"]).sum()),
        "different_labels_from_float64_search": int((results["ours"] != exact).sum()),
        "accuracy": round(100 * float((results["ours"] == truth).double().mean()), 2),
        "all_seconds": timings,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print, and write JSON if requested."""
    parser = command_line(__doc__)
    parser.add_argument("--images", type=int, default=50_000, help="number of codes (default: %(default)s)")
    parser.add_argument(
        "--classes", type=int, nargs="+", default=[10, 100], help="numbers of classes (default: %(default)s)"
    )
    parser.add_argument("--labelled", type=int, default=4000, help="labelled images (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="timings of each way (default: %(default)s)")
    given = parser.parse_args(arguments)
    device = place(given.device, "fp32", "off", given.threads).device
    report = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "setup": {"images": given.images, "features": FEATURES, "neighbours": NEIGHBOURS, "labelled": given.labelled},
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "updates": [compare(given.images, classes, given.labelled, given.repeats, device) for classes in given.classes],
    }
    print(json.dumps(report, indent=2))
    write(report, given.out)


if __name__ == "__main__":
    main()
