"""The training loop: steps, logs and a state from which it resumes bit for bit."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from drl.config.jobs import PretrainJob
from drl.config.recipes import AugmentationSettings, Recipe
from drl.data.augment.flip import flip
from drl.data.batch import Batch
from drl.data.padding import crop_padding
from drl.data.sampling import EpochSampler
from drl.data.seeds import Stream
from drl.data.splits import balanced_subset, label_subset
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.jobs.device import Placement
from drl.methods.base import Method
from drl.training.code_usage import code_usage
from drl.training.ema import MovingAverage
from drl.training.graphed import Graphed, scalars
from drl.training.optimiser import WarmedAdam
from drl.training.seeds import generator, stream_seed

LOG_ROWS = 200
LISTED_SPLIT = 10  # number of the label list whose images the authors' code uses for pretraining


class Training:
    """One training in progress.

    Attributes:
        step: Number of optimiser steps so far.
        rows: Rows of the loss curve and of code usage so far, without the cells that are equal in all rows.
        snapshots: Weights of the part that makes the codes by step: before training, and at evenly spaced steps so far.
    """

    def __init__(
        self, method: Method, store: ImageStore, placement: Placement, settings: PretrainJob, seed: int
    ) -> None:
        """Prepare the training.

        Args:
            method: The method, with the weights to start from, on the device.
            store: The images, on the same device.
            placement: Device, precision, compiler.
            settings: The recipe, the times at which code usage is measured, and the number of snapshots.
            seed: Seed of order, noise, augmentation and dropout.
        """
        recipe = settings.recipe
        self.method, self.store, self.placement = method, store, placement
        self.recipe, self.usage, self.seed = recipe, settings.code_usage, seed
        images = training_images(recipe, store, settings.label_list)
        self.sampler = EpochSampler(images, recipe.batch_size, generator(seed, "order"))
        self.noise = generator(seed, "noise", placement.device)
        self.augmentation = generator(seed, "augmentation")
        self.augment = augmenter(recipe.augmentation, store, self.augmentation)
        # torch's dropout has no separate generator, so the default one is seeded and saved with the state.
        torch.manual_seed(stream_seed(seed, "dropout"))
        self.optimiser = WarmedAdam(method.parameters(), recipe.optimiser, recipe.iterations)
        self.average = MovingAverage(method.parameters(), recipe.optimiser.ema_decay)
        self.step, self.images_per_step = 0, recipe.batch_size
        self.rows: list[dict[str, Any]] = []
        self.sums: dict[str, Tensor] = {}
        self.snapshots: dict[int, dict[str, Tensor]] = {}
        self.snapshot_steps = evenly(self.total, settings.snapshots)
        self.bad_step = torch.full((), -1, device=placement.device)
        self.graphed = self._graphed()
        method.train()
        if placement.compile:
            method.compile_parts()

    def _graphed(self) -> Graphed:
        return Graphed(self._learn, self.placement, [self.noise], self.optimiser.clear)

    @property
    def total(self) -> int:
        """Total number of steps."""
        return self.recipe.iterations

    def advance(self) -> None:
        """Do one optimiser step, and add the log rows and the snapshot that are due after it."""
        if self.step == 0:
            self.keep_snapshot()
        self.graphed(self._inputs(), self.total - self.step)
        self.step += 1
        self.log()

    def _inputs(self) -> dict[str, Tensor]:
        """Return what differs from step to step: positions or augmented images, and `numbers`, float64 [3].

        The numbers are the learning rate, the decay of the averages and the number of earlier steps.
        """
        numbers = [self.optimiser.rate_of(self.step), self.average.decay_of(self.step + 1), self.step]
        inputs = {"numbers": torch.tensor(numbers, dtype=torch.float64), "positions": self.sampler.next()}
        if self.augment is not None:
            # Its operations differ from step to step, so they cannot be part of a graph.
            batch = self._batch(inputs.pop("positions"))
            inputs |= {"images": self.augment(batch.images), "labels": batch.labels}
        return inputs

    def _batch(self, positions: Tensor) -> Batch:
        batch = self.store.batch(positions)
        return Batch(flip(batch.images, self.noise), batch.labels) if self.recipe.horizontal_flip else batch

    def _learn(self, inputs: Mapping[str, Tensor]) -> None:
        """Do what is the same in each step, on the device; see `Graphed`."""
        given = "images" in inputs
        batch = Batch(inputs["images"], inputs["labels"]) if given else self._batch(inputs["positions"])
        with self.placement.autocast():
            loss, parts = self.method.loss(batch, self.noise)
        loss.backward()
        loss = loss.detach()
        rate, decay, step = scalars(inputs["numbers"])
        norm = self.optimiser.step(rate)
        # The number of the first bad step stays on the device, because reading it at every step would make a GPU wait.
        # A finite loss can have an infinite gradient, which makes the weights useless as well.
        fresh_fault = ~torch.isfinite(loss + norm) & (self.bad_step < 0)
        self.bad_step.copy_(torch.where(fresh_fault, step, self.bad_step))
        self.average.update(decay)
        for name, value in {"loss": loss, **parts}.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(value)
            self.sums[name] += value

    def keep_snapshot(self) -> None:
        """Store the present weights of the part that makes the codes, if there are codes: raw or averaged."""
        part = self.method.code_part
        if part is None:
            return
        now = self.method.code_network().state_dict()
        weights = {name: value.detach().cpu().clone() for name, value in now.items()}
        if self.recipe.codes_from == "ema":
            names = (name for name, _ in self.method.named_parameters())
            averages = dict(zip(names, self.average.shadow, strict=True))
            weights |= {
                name: averages[f"{part}.{name}"].cpu().clone() for name in weights if f"{part}.{name}" in averages
            }
        self.snapshots[self.step] = weights

    def log(self) -> None:
        """Store a snapshot, and add rows to the loss curve and to code usage, if this step is due for them."""
        if self.step in self.snapshot_steps:
            self.keep_snapshot()
        every = max(1, self.total // LOG_ROWS)
        if self.step % every == 0 or self.step == self.total:
            self._check_loss()
            count = self.step % every or every
            # Sorted, because a saved state returns the parts of the loss in another order.
            for name in sorted(self.sums):
                value = float(self.sums[name]) / count
                self.rows.append({"step": self.step, "metric": name, "value": value, "n": count})
            # In place, because a graph adds to these tensors.
            for total in self.sums.values():
                total.zero_()
        if self.step in evenly(self.total, self.usage.times):
            with self.placement.autocast():
                rows = code_usage(self.method, self.store, self.usage.images, self.usage.t, self.seed)
            self.rows += [{"step": self.step, **row} for row in rows]
            worth = ", ".join(f"t={r['t']} {r['value']:.3g}" for r in rows if r["metric"] == "code_worth")
            if worth:
                print(f"step {self.step}: the code is worth {worth}", file=sys.stderr, flush=True)

    def check(self) -> None:
        """Stop if a loss was not finite, or if a weight or an average is not finite.

        Raises:
            UserError: If so; it names the first such step, or a tensor.
        """
        self._check_loss()
        named = dict(self.method.state_dict())
        parameters = (name for name, _ in self.method.named_parameters())
        named |= {f"the average of {name}": value for name, value in zip(parameters, self.average.shadow, strict=True)}
        # Read one result for all tensors, because each read makes a GPU wait.
        if bool(torch.stack([value.isfinite().all() for value in named.values()]).all()):
            return
        bad = next(name for name, value in named.items() if not bool(value.isfinite().all()))
        raise UserError(
            f"{bad} was not finite after step {self.step} of {self.total}; lower the recipe's "
            "optimiser.learning_rate or set run.precision to fp32, and run again"
        )

    def _check_loss(self) -> None:
        bad = int(self.bad_step)
        if bad >= 0:
            raise UserError(
                f"the loss or its gradient was not finite at step {bad + 1} of {self.total}; "
                "the last good state is kept; "
                "lower the recipe's optimiser.learning_rate or set run.precision to fp32, and run again"
            )

    def note(self) -> str:
        """Return the last loss, for the progress line."""
        losses = [row["value"] for row in self.rows[-8:] if row["metric"] == "loss"]
        return f"loss {losses[-1]:.4g}" if losses else ""

    def facts(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        return {"step": self.step, "rows": self.rows}

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that determines later steps."""
        tensors = {f"method.{name}": value for name, value in self.method.state_dict().items()}
        tensors |= {f"average.{position}": value for position, value in enumerate(self.average.shadow)}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.tensors().items()}
        tensors |= {f"sampler.{name}": value for name, value in self.sampler.state().items()}
        tensors |= {f"sums.{name}": value for name, value in self.sums.items()}
        tensors |= {
            f"snapshots.{step}.{name}": value
            for step, weights in self.snapshots.items()
            for name, value in weights.items()
        }
        tensors |= {"generator.noise": self.noise.get_state(), "generator.dropout": torch.get_rng_state()}
        tensors["generator.augmentation"] = self.augmentation.get_state()
        if self.placement.device.type == "cuda":
            tensors["generator.dropout_cuda"] = torch.cuda.get_rng_state(self.placement.device)
        return tensors

    def load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore the results of `tensors` and `facts`."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        self.method.load_state_dict(part("method."))
        for position, value in part("average.").items():
            self.average.shadow[int(position)].copy_(value)
        self.step = facts["step"]
        self.optimiser.load(part("optimiser."))
        self.sampler.load_state(part("sampler."))
        self.sums = {name: value.to(self.placement.device) for name, value in part("sums.").items()}
        for key, value in part("snapshots.").items():
            step, _, name = key.partition(".")
            self.snapshots.setdefault(int(step), {})[name] = value
        self.rows = facts["rows"]
        self.noise.set_state(tensors["generator.noise"])
        self.augmentation.set_state(tensors["generator.augmentation"])
        torch.set_rng_state(tensors["generator.dropout"])
        if self.placement.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["generator.dropout_cuda"], self.placement.device)
        self.graphed = self._graphed()


def training_images(recipe: Recipe, store: ImageStore, label_list: str | None = None) -> Tensor:
    """Return the images that a recipe trains on, int64 indices; with `label_list`, a subset comes from that folder."""
    positions = store.train
    if recipe.hold_out_validation:
        positions = positions[~torch.isin(positions, store.val)]
    if recipe.train_images is None:
        return positions
    labels, n = store.labels.cpu().numpy(), recipe.train_images
    if label_list is None:
        return torch.from_numpy(balanced_subset(labels, n, 0, positions.numpy(), Stream.PRETRAIN))
    listed = label_subset(
        labels,
        n,
        LISTED_SPLIT,
        candidates=positions.numpy(),
        label_list_folder=label_list,
        files=store.training_files(),
        classes=store.classes,
    )
    return torch.from_numpy(listed)


def augmenter(
    settings: AugmentationSettings | None, store: ImageStore, source: torch.Generator
) -> Callable[[Tensor], Tensor] | None:
    """Return LaplaceNet's augmentation as a function of images; None if the recipe does not use it.

    The module is imported by name, so that it belongs only to the code of recipes that use it.
    """
    if settings is None:
        return None
    augment = importlib.import_module("drl.data.augment.laplacenet").augment
    return partial(
        augment,
        generator=source,
        operations=settings.operations,
        flip=settings.flip,
        padding=crop_padding(store.images.shape[2]),
    )


def evenly(total: int, times: int) -> set[int]:
    """Return `times` evenly spaced steps, the last one at the end."""
    return {math.ceil(total * k / times) for k in range(1, times + 1)}
