"""`drl theory`: test Eq. 6, the kernels and Proposition 2.1 on a mixture with a known score, for one seed.

The rows, by `recipe` (drl.config.theory.RECIPES, and the kernels `ve` and `vp`):

- exact, for each t: `constant`, which is lambda(t) c(t) of Eq. 6, with `constant_se`; `constant_quadrature`, the same
  by quadrature. Rows without t: what the probes read from x_0 itself.
- unconditional, for each t: `denoising_loss`, with `_se`; `excess` over the constant on the same draws, with `_se`;
  `explicit_loss`; `identity_gap`, which is excess - explicit_loss, with `_se`.
- drl, for each t: the first three; `val_accuracy` and `test_accuracy` of the class predicted from codes, in percent;
  `reconstruction_error`, the share of the variance of x_0 that a prediction from codes does not explain. Arm `best_t`
  has the same at the t with the best validation accuracy. ae, without t: the same for the autoencoder.
- ve, vp, for each t: relative `mean_error` and `variance_error` of the closed form, with `_se`. vp also: the constant.

All losses and constants are weighted with lambda(t) = std(t)^2 and are half the sum over the entries of x.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from drl.config.jobs import TheoryJob
from drl.config.theory import DATASET, TheorySettings
from drl.diffusion.sde import SDE, make_sde
from drl.jobs.completion import JobFiles, sole_job
from drl.jobs.device import memory_used, place
from drl.jobs.job import Job
from drl.records.metrics import write_metrics
from drl.records.run_card import write_card
from drl.theory.kernels import kernel_errors
from drl.theory.measures import Mean, constant, constant_by_quadrature, losses
from drl.theory.mixture import Mixture, make_mixture
from drl.theory.models import Autoencoder, ConditionalScoreModel, MixtureModel, ScoreModel
from drl.theory.probes import Probes, Reading
from drl.theory.training import MODELS, trained
from drl.training.seeds import generator
from drl.training.state import belongs_to

Rows = Iterator[dict[str, Any]]


def run(job: Job[TheoryJob]) -> None:
    """Train the models of one seed, measure them, and write `job.out`, a CSV file, and the run card.

    This always runs on the CPU, because networks of a few thousand weights would leave a GPU idle.

    Args:
        job: `about` holds scale and seed; there are no inputs.
    """
    started, placement = time.monotonic(), place("cpu", "fp32", "off", job.resources.threads)
    about, settings = {**job.about, "dataset": DATASET[0]}, job.settings.slice()
    files = JobFiles(job.title, job.out, None, settings, job.code_digest, {}, belongs_to("", placement), about)
    with sole_job(files) as done:
        if done:
            return
        rows = list(_rows(job.settings.theory, int(job.about["seed"])))
        write_metrics(job.out, [{**about, "study": job.study, **row} for row in rows])
        facts = {**about, **placement.describe(), "seconds": round(time.monotonic() - started, 2)}
        write_card(job.study, [job.out], settings, job.code_digest, {}, **facts, **memory_used(placement.device))


def _rows(settings: TheorySettings, seed: int) -> Rows:
    mixture, sdes = make_mixture(settings.mixture), {"ve": make_sde(settings.ve), "vp": make_sde(settings.vp)}
    models = {recipe: trained(recipe, mixture, sdes["ve"], settings, seed) for recipe in MODELS}
    yield from _equation_6(settings, seed, mixture, models)
    for name, sde in sdes.items():
        yield from _kernel(settings, seed, name, sde)
    yield from _constant_under_vp(settings, seed, mixture, sdes["vp"])
    yield from _proposition_2_1(settings, seed, mixture, models)


def _equation_6(settings: TheorySettings, seed: int, mixture: Mixture, models: dict[str, MixtureModel]) -> Rows:
    score_models = {name: model for name, model in models.items() if isinstance(model, ScoreModel)}
    for t in settings.t:
        found = losses(mixture, score_models, t, settings.draws, generator(seed, f"theory, draws at {t}"))
        yield from _mean("exact", t, "constant", Mean.of(found.floor))
        integrated = constant_by_quadrature(mixture, make_sde(settings.ve), t, settings.nodes)
        yield {"recipe": "exact", "t": t, "metric": "constant_quadrature", "value": integrated}
        for name in score_models:
            yield from _mean(name, t, "denoising_loss", Mean.of(found.denoising[name]))
            yield from _mean(name, t, "excess", found.excess(name))
        yield from _mean("unconditional", t, "explicit_loss", Mean.of(found.explicit["unconditional"]))
        yield from _mean("unconditional", t, "identity_gap", found.identity_gap("unconditional"))


def _kernel(settings: TheorySettings, seed: int, name: str, sde: SDE) -> Rows:
    paths = generator(seed, f"theory, paths under {name}")
    for found in kernel_errors(sde, settings.t, settings.paths, settings.path_steps, paths):
        yield from _mean(name, found.t, "mean_error", Mean(found.mean, found.mean_error, settings.paths))
        yield from _mean(name, found.t, "variance_error", Mean(found.variance, found.variance_error, settings.paths))


def _constant_under_vp(settings: TheorySettings, seed: int, mixture: Mixture, sde: SDE) -> Rows:
    for t in settings.t:
        if float(sde.std(torch.tensor(t))) == 0:
            continue  # there is no noise, and no score to match
        draws = generator(seed, f"theory, draws under vp at {t}")
        yield from _mean("vp", t, "constant", constant(mixture, sde, t, settings.draws, draws))
        integrated = constant_by_quadrature(mixture, sde, t, settings.nodes)
        yield {"recipe": "vp", "t": t, "metric": "constant_quadrature", "value": integrated}


def _proposition_2_1(settings: TheorySettings, seed: int, mixture: Mixture, models: dict[str, MixtureModel]) -> Rows:
    drl, autoencoder = models["drl"], models["ae"]
    assert isinstance(drl, ConditionalScoreModel)
    assert isinstance(autoencoder, Autoencoder)
    sizes = (settings.train, settings.validation, settings.test)
    probes = Probes(mixture, sizes, settings.neighbours, generator(seed, "theory, probes"))

    def read(model: ConditionalScoreModel | Autoencoder, t: float) -> Reading:
        return probes.read(lambda x_0: model.encode(x_0, torch.full((len(x_0),), t)))

    yield from _reading({"recipe": "exact"}, probes.read(lambda x_0: x_0), sizes)
    yield from _reading({"recipe": "ae"}, read(autoencoder, 1.0), sizes)
    readings = {t: read(drl, t) for t in settings.t}
    for t, reading in readings.items():
        yield from _reading({"recipe": "drl", "t": t}, reading, sizes)
    best = max(readings, key=lambda t: readings[t].val_accuracy)
    yield from _reading({"recipe": "drl", "arm": "best_t", "t": best}, readings[best], sizes)


def _mean(recipe: str, t: float, metric: str, found: Mean) -> Rows:
    yield {"recipe": recipe, "t": t, "metric": metric, "value": found.value, "n": found.n}
    yield {"recipe": recipe, "t": t, "metric": f"{metric}_se", "value": found.error, "n": found.n}


def _reading(cells: dict[str, Any], found: Reading, sizes: tuple[int, int, int]) -> Rows:
    _, validation, test = sizes
    yield {**cells, "metric": "val_accuracy", "value": found.val_accuracy, "n": validation}
    yield {**cells, "metric": "test_accuracy", "value": found.test_accuracy, "n": test}
    yield {**cells, "metric": "reconstruction_error", "value": found.reconstruction_error, "n": test}
