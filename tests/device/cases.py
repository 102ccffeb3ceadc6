"""Everything that drl computes on a device, each as a function of the device: cpu, a real GPU, or the pretended one.

`TRAININGS` make something with steps, a state and `load`. `CALLS` prepare a computation, of which the result is a list
of tensors. All use tiny networks on random images, and the same random numbers at every call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import torch
from torch import Tensor

from drl.config.sampling import Prior, SamplerSettings
from drl.config.studies import ProbeTraining
from drl.costs.random_inputs import clusters, random_images
from drl.data.augment.flip import flip
from drl.data.augment.laplacenet import augment
from drl.data.augment.rand_augment import OPERATIONS, change, draw_operations
from drl.data.augment.simclr import SimCLRAugmentation
from drl.diffusion.samplers.ode import solve_ode
from drl.evaluation import few_shot
from drl.evaluation.codes import CodeTable, read_codes
from drl.evaluation.features import Extractor
from drl.evaluation.frechet import Statistics
from drl.evaluation.mlp_probe import train_probes
from drl.evaluation.sampling import Wanted, draw, grid_of, sampler_of, score_function
from drl.laplacenet import graph
from drl.laplacenet.classifier import build as build_classifier
from drl.laplacenet.evaluation import Evaluation
from drl.laplacenet.pseudo_labels import pseudo_labels
from drl.training.code_usage import code_usage
from tests import tiny
from tests.device.trainings import FACTS, TRAININGS, classifier_settings, method_on, placement

__all__ = ["CALLS", "TRAININGS"]

Call = Callable[[], list[Tensor]]
PRIORS: tuple[Prior, ...] = ("uniform_gaussian", "mean_image", "gaussian")


def sampling(device: torch.device, precision: str | None = None, *, kind: str = "drl", **changes: Any) -> Call:
    """Chains with all starts and priors, with and without codes."""
    method, _ = method_on(device, kind)
    method.eval().requires_grad_(False)
    wanted = [Wanted(k, k % 4, 0.4 + 0.1 * k, PRIORS[k % 3]) for k in range(6)]
    mean = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(2))
    codes = None
    if method.encoder is not None:
        size: Any = method.encoder.code_size
        codes = torch.randn(4, size, generator=torch.Generator().manual_seed(1))
    sampler = SamplerSettings.model_validate({"steps": 10} | changes)
    uniform: Any = "per_image_channel" if kind == "unconditional" else "per_pixel"
    on = placement(device, precision)
    return lambda: [draw(method, sampler, wanted, on, codes, uniform, mean_image=mean)]


def ode(device: torch.device, precision: str | None = None) -> Call:
    """The probability-flow ODE."""
    method, _ = method_on(device, "unconditional")
    model = sampler_of(method.eval().requires_grad_(False))
    grid = grid_of(model, SamplerSettings(steps=20))
    start = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).to(device)
    score = score_function(model, placement(device, precision))

    def solve() -> list[Tensor]:
        with torch.inference_mode():
            return [solve_ode(score, grid, start, 0.5, tolerance=0.1)[0]]

    return solve


def encoding(device: torch.device, precision: str | None = None, *, kind: str) -> Call:
    """Codes of images, and those of some of them by number; those of DAE and score features with their noise."""
    method, store = method_on(device, kind)
    noise = 3 if kind in ("dae", "score_features") else None

    def encode() -> list[Tensor]:
        table = read_codes(method, store, store.train[:300], [0.1, 0.9], placement(device, precision), noise)
        return [table.codes, table.labels, *table.part(store.train[5:12])]

    return encode


def usage(device: torch.device, precision: str | None = None) -> Call:
    """What the code is worth to the denoiser."""
    method, store = method_on(device, "drl")

    def measure() -> list[Tensor]:
        with placement(device, precision).autocast():
            rows = code_usage(method, store, 20, [0.2, 0.8], 0)
        return [torch.tensor([row["value"] for row in rows])]

    return measure


def probe(device: torch.device, precision: str | None = None, *, select: str = "last") -> Call:
    """Probes; `best_val` also chooses among two rates."""
    codes, labels = clusters(60, 3, 6, device)
    codes = torch.stack([codes, codes.flip(1)])
    rates = [1e-3, 1e-2] if select == "best_val" else []
    protocol = ProbeTraining.model_validate(
        {"t": [0, 1], "seeds": [0, 1], "hidden": 16, "dropout": 0.25, "learning_rate": 1e-2, "weight_decay": 1e-5}
        | {"batch_size": 16, "epochs": 3, "select": select, "learning_rates": rates, "trajectory": False}
    )
    chosen: Any = placement(device, precision).precision

    def train() -> list[Tensor]:
        evaluations = {"val": (codes[:, :30], labels[:30]), "test": (codes, labels)}
        found = train_probes(codes, labels, evaluations, 3, protocol, device, chosen)
        return [found.accuracy["test"], found.epoch, found.learning_rate]

    return train


def support_vectors(device: torch.device, precision: str | None = None) -> Call:
    """Support vector machines, fitted in threads on codes that lie on the device."""
    codes, labels = clusters(90, 3, 6, device)
    table = CodeTable(torch.stack([codes, codes.flip(1)]), labels, torch.arange(90).to(device))
    fit = partial(few_shot._fit, table, {30: torch.arange(30)}, {"test": torch.arange(30, 90)}, 30)

    def fit_all() -> list[Tensor]:
        with few_shot.ThreadPoolExecutor(2) as pool:
            return [found["test"] for found in pool.map(fit, (0, 1))]

    return fit_all


def labelling(device: torch.device, precision: str | None = None, *, ordered: bool = False) -> Call:
    """An update of the pseudo-labels; `ordered`: with images brought into an order first, as many are."""
    features, truth = clusters(600, 3, 16, device)
    known = torch.arange(30)

    def label() -> list[Tensor]:
        limits = graph.IN_CACHE, graph.ANCHORS
        graph.IN_CACHE, graph.ANCHORS = (100, 16) if ordered else limits
        try:
            return [pseudo_labels(features, known.to(device), truth[:30], 3, neighbours=10).labels]
        finally:
            graph.IN_CACHE, graph.ANCHORS = limits

    return label


def reading(device: torch.device, precision: str | None = None) -> Call:
    """Features and accuracy of a classifier that is being fine-tuned."""
    store = random_images(FACTS, device)
    network = classifier_settings()
    classifier = build_classifier(network, FACTS, 0).to(device)
    read = Evaluation(classifier, store, placement(device, precision), network)
    return lambda: [*read.read(store.train[:200]), read.right(store.train[:200]).double().mean()]


def fid_features(device: torch.device, precision: str | None = None) -> Call:
    """Features of a supervised model, of images on the device and on the host, and their statistics."""
    method, store = method_on(device, "supervised")
    method.eval()

    def apply(images: Tensor) -> Tensor:
        with placement(device, precision).autocast():
            return method.encode(images, torch.zeros(len(images), device=images.device))

    extractor = Extractor("supervised", "none", "", apply)

    def extract() -> list[Tensor]:
        found = [extractor.features(images[:300], device) for images in (store.images, store.images.cpu())]
        statistics = Statistics.of(found[0])
        return [*found, statistics.mean, statistics.covariance]

    return extract


def bytes_on(device: torch.device, channels: int, size: int = 32) -> Tensor:
    """Return 40 random images."""
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (40, channels, size, size), dtype=torch.uint8, generator=source).to(device)


def rand_augment(device: torch.device, precision: str | None = None, *, channels: int, operations: int) -> Call:
    """LaplaceNet's augmentation."""
    images = bytes_on(device, channels)
    return lambda: [augment(images, operations, torch.Generator().manual_seed(0))]


def every_operation(device: torch.device, precision: str | None = None) -> Call:
    """Each operation of RandAugment on all images, and on one."""
    images = bytes_on(device, 3)
    _, magnitudes = draw_operations(40, 1, torch.Generator().manual_seed(0))

    def apply() -> list[Tensor]:
        found = []
        for number, operation in enumerate(OPERATIONS):
            strength = magnitudes[0].clamp(operation.low, operation.high)
            found += [change(images[:n], torch.full((n,), number), strength[:n]) for n in (40, 1)]
        return found

    return apply


def contrastive(device: torch.device, precision: str | None = None, *, channels: int, size: int) -> Call:
    """SimCLR's augmentations, and a mirror."""
    images, changed = bytes_on(device, channels, size), SimCLRAugmentation(channels, size)

    def apply() -> list[Tensor]:
        source = torch.Generator(device).manual_seed(0)
        return [changed(images, source), flip(images, source)]

    return apply


_PREDICTORS, _CORRECTORS, _NORMS = (
    get_args(SamplerSettings.model_fields[name].annotation) for name in ("predictor", "corrector", "corrector_norm")
)
CALLS: dict[str, Callable[..., Call]] = {
    **{
        f"sampling, {predictor}, {corrector}": partial(sampling, predictor=predictor, corrector=corrector)
        for predictor in _PREDICTORS
        for corrector in _CORRECTORS
    },
    **{
        f"sampling, norm of the {norm}": partial(sampling, kind="unconditional", corrector_norm=norm) for norm in _NORMS
    },
    "sampling, noise of the last step": partial(sampling, kind="vdrl", denoise=False),
    "ode": ode,
    **{f"codes of {kind}": partial(encoding, kind=kind) for kind in tiny.KINDS if kind != "unconditional"},
    "code usage": usage,
    "probe": probe,
    "probe, best epoch and rate": partial(probe, select="best_val"),
    "few-shot": support_vectors,
    "pseudo-labels": labelling,
    "pseudo-labels, ordered": partial(labelling, ordered=True),
    "features and accuracy": reading,
    "features for FID": fid_features,
    **{
        f"augmentation, {channels} channels, {operations} operations": partial(
            rand_augment, channels=channels, operations=operations
        )
        for channels in (1, 3)
        for operations in (0, 1, 2)
    },
    "augmentation, every operation": every_operation,
    **{
        f"simclr, {c} channels, {s} pixels": partial(contrastive, channels=c, size=s)
        for c, s in ((1, 28), (3, 32), (3, 8))
    },
}
