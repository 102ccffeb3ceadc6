"""The fine-tuning loop: supervised epochs, then epochs on pseudo-labels, with a state that resumes bit for bit."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from drl.config.jobs import FineTuneJob
from drl.data.augment.host import to_device
from drl.data.sampling import EpochSampler
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.jobs.device import Placement
from drl.laplacenet.best import Best
from drl.laplacenet.classifier import inputs, set_t
from drl.laplacenet.evaluation import Evaluation
from drl.laplacenet.image_split import ImageSplit
from drl.laplacenet.mixup import mixed_entropy, mixture
from drl.laplacenet.pseudo_labels import pseudo_labels
from drl.laplacenet.schedule import Schedule
from drl.laplacenet.sgd import NesterovSGD
from drl.laplacenet.versions import augmented
from drl.models.wide_resnet import WideResNet
from drl.records.right import RIGHT, packed
from drl.training.graphed import Graphed, scalars
from drl.training.seeds import generator, stream_seed

# Contents of a state besides tensors and the best of a search.
PLAIN = ("step", "rows", "epoch", "step_in_epoch", "candidate", "searching")


class FineTuner:
    """One fine-tuning in progress.

    Attributes:
        step: Number of optimiser steps so far.
        rows: Rows of the CSV so far, without the cells that are equal in all rows.
    """

    def __init__(
        self,
        network: WideResNet,
        store: ImageStore,
        split: ImageSplit,
        placement: Placement,
        settings: FineTuneJob,
        seed: int,
    ) -> None:
        """Start before the first step.

        Args:
            network: The classifier, with the weights to start from, on the device.
            store: The images, on the same device.
            split: The use of each image.
            placement: Device and precision.
            settings: Settings of the job.
            seed: Seed of order, augmentation and mixtures.
        """
        self.network, self.store, self.split, self.placement = network, store, split, placement
        self.settings, self.seed, self.arm, self.protocol = settings, seed, settings.arm, settings.fine_tune
        self.evaluation = Evaluation(network, store, placement, settings.network)
        self.schedule = Schedule.of(len(split.labelled), len(split.labelled) + len(split.others), self.protocol)
        early, t_init = self.protocol.early_epoch, self.arm.t_init
        self.epochs = self.schedule.epochs if self.arm.until == "end" or early is None else early
        self.searching = isinstance(t_init, str)
        self.candidates = self.protocol.search or () if isinstance(t_init, str) else (t_init,)
        self.fresh = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.images_per_step = self.protocol.batch_size * self.protocol.versions
        self.step, self.rows = 0, []  # type: tuple[int, list[dict[str, Any]]]
        self.best = Best()
        self.candidate = -1
        self._next_candidate()

    @property
    def total(self) -> int:
        """Total number of steps."""
        supervised = self.schedule.supervised_epochs
        first = len(self.candidates) * sum(self.schedule.steps(epoch) for epoch in range(supervised))
        return first + sum(self.schedule.steps(epoch) for epoch in range(supervised, self.epochs))

    def _next_candidate(self) -> None:
        """Start from the initial weights and the next t, with the same random numbers as for the previous t."""
        self.candidate += 1
        self.network.load_state_dict(self.fresh)
        set_t(self.network, self.candidates[self.candidate])
        self.epoch = self.step_in_epoch = 0
        self.optimiser = NesterovSGD(self.network, self.protocol, self.arm.weight_decay_on_t)
        batch, half = self.protocol.batch_size, self.protocol.labelled_batch
        self.samplers = {
            "supervised": EpochSampler(self.split.labelled, batch, generator(self.seed, "order")),
            "labelled": EpochSampler(self.split.labelled, half, generator(self.seed, "labelled order")),
            "others": EpochSampler(self.split.others, batch - half, generator(self.seed, "unlabelled order")),
        }
        self.draws = {name: generator(self.seed, name) for name in ("augmentation", "mixup")}
        # torch's dropout has no separate generator, so the default one is seeded and saved with the state.
        torch.manual_seed(stream_seed(self.seed, "dropout"))
        # The classes of the other images are not known yet; -1 would make the loss fail.
        known = self.split.labelled.to(self.placement.device)
        self.targets = torch.full_like(self.store.labels, -1)
        self.targets[known] = self.store.labels[known]
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.placement.device)
        self.rate = 0.0
        self._begin_graph()

    def _begin_graph(self) -> None:
        """Forget a captured step: the next ones are of another kind, or use other tensors."""
        self.graphed = Graphed(self._learn, self.placement, clear=self.optimiser.clear)

    def advance(self) -> None:
        """Do one optimiser step, and begin or end an epoch if needed."""
        semi = self.epoch >= self.schedule.supervised_epochs
        if self.step_in_epoch == 0 and semi:
            self._label()
        # The loss of a supervised epoch is the loss of its last pass.
        if self.step_in_epoch == 0 or (not semi and self.step_in_epoch % self.schedule.pass_steps == 0):
            self.loss_sum.zero_()
        self.rate = self.schedule.rate(self.epoch, self.step_in_epoch)
        last = self.epochs if semi else self.schedule.supervised_epochs
        remaining = sum(map(self.schedule.steps, range(self.epoch, last))) - self.step_in_epoch
        self.graphed(self._inputs(semi), remaining)
        self.step += 1
        self.step_in_epoch += 1
        if self.step_in_epoch == self.schedule.steps(self.epoch):
            self._end_epoch()

    def _inputs(self, semi: bool) -> dict[str, Tensor]:
        """Return what differs from step to step.

        `images`: the augmented versions, uint8 [V, B, C, H, W]; `targets`: their classes, int64 [B]; `numbers`: the
        learning rate and the share of the first images, float64 [2]; `order`: of the second images, if they are mixed.
        """
        positions, images = self._batch(semi)
        found = {"images": images, "targets": self.targets[positions]}
        share = 1.0
        if self.arm.mixup_semi if semi else self.arm.mixup:
            share, found["order"] = mixture(len(positions), self.protocol.mixup_alpha, self.draws["mixup"])
        return {**found, "numbers": torch.tensor([self.rate, share], dtype=torch.float64)}

    def _batch(self, semi: bool) -> tuple[Tensor, Tensor]:
        """Return image indices [B], on the device, and the augmented versions, uint8 [V, B, C, H, W]."""
        weak, strong = self.protocol.weak, self.protocol.strong
        uses = [("labelled", weak), ("others", strong)] if semi else [("supervised", weak)]
        device = self.placement.device
        groups = [(to_device(self.samplers[name].next(), device), operations) for name, operations in uses]
        images = augmented(self.store, groups, self.protocol, self.draws["augmentation"])
        return torch.cat([positions for positions, _ in groups]), images

    def _learn(self, given: Mapping[str, Tensor]) -> None:
        """Update the weights, and add the mean cross-entropy of the versions to its sum; see `Graphed`."""
        self.network.train()
        order, (rate, share) = given.get("order"), scalars(given["numbers"])
        total = torch.zeros((), dtype=torch.float64, device=self.placement.device)
        # One version after the other, as in the authors' code: batch statistics are computed per version.
        for images in given["images"]:
            x = inputs(images, self.store, self.settings.network)
            mixed = x if order is None else share * x + (1 - share) * x[order]
            with self.placement.autocast():
                logits = self.network.logits(mixed.contiguous(memory_format=torch.channels_last))
            loss = mixed_entropy(logits, given["targets"], order, share) / len(given["images"])
            loss.backward()
            total += loss.detach()
        self.optimiser.step(rate)
        self.loss_sum += total

    def _label(self) -> None:
        """Give a pseudo-label to every image without a label."""
        # Images are in the order of the dataset, which breaks ties between equal codes.
        images = torch.cat([self.split.labelled, self.split.others]).sort().values
        features, _ = self.evaluation.read(images)
        device = self.placement.device
        labelled = torch.isin(images, self.split.labelled)
        found = pseudo_labels(
            features,
            labelled.nonzero()[:, 0].to(device),
            self.store.labels[images[labelled].to(device)],
            len(self.store.classes),
            neighbours=self.protocol.neighbours,
            alpha=self.protocol.alpha,
            tolerance=self.protocol.tolerance,
            iterations=self.protocol.solver_iterations,
            rounds=self.protocol.alignment_rounds,
        )
        others = images[~labelled].to(device)
        guessed = found.labels[~labelled.to(device)]
        self.targets[others] = guessed
        right = (guessed == self.store.labels[others]).float().mean()
        self._write("pseudo_label_accuracy", 100 * float(right), len(others))
        self._write("solver_residual", found.residual, len(self.store.classes))
        if found.unconverged:
            said = found.complaint(self.protocol.tolerance, self.protocol.solver_iterations)
            print(f"epoch {self.epoch + 1}: {said}", file=sys.stderr, flush=True)

    def _end_epoch(self) -> None:
        semi = self.epoch >= self.schedule.supervised_epochs
        counted = self.step_in_epoch if semi else self.schedule.pass_steps
        loss = float(self.loss_sum) / counted
        self.check(loss)
        self._write("loss", loss, counted)
        self._write("learning_rate", self.rate, 1)
        for metric, part in (("accuracy", self.split.test), ("validation_accuracy", self.split.validation)):
            if len(part):
                right = self.evaluation.right(part)
                bits = {RIGHT: packed(right)} if metric == "accuracy" else {}
                self._write(metric, 100 * float(right.double().mean()), len(part), **bits)
        self._write("t", float(torch.sigmoid(self.network.param_t.detach())), 1)
        self._write("t_without_gradient", float(torch.sigmoid(self.optimiser.lone_logit.detach())), 1)
        self.epoch, self.step_in_epoch = self.epoch + 1, 0
        if self.searching and self.epoch <= self.schedule.supervised_epochs:
            self._search(loss)
        if self.epoch == self.schedule.supervised_epochs:
            self._begin_graph()

    def _search(self, loss: float) -> None:
        """Remember the best candidate; after the last one, continue from the best (paper App. G)."""
        t = self.candidates[self.candidate]
        self.rows.append({"t": t, "epoch": self.epoch, "metric": "search_loss", "value": loss, "n": 1})
        if loss < self.best.loss:
            weights = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
            rows = [row for row in self.rows if row["metric"] != "search_loss"]
            lone = float(self.optimiser.lone_logit.detach())
            self.best = Best(loss, t, weights, rows, lone)
        if self.epoch < self.schedule.supervised_epochs:
            return
        self.rows = searched = [row for row in self.rows if row["metric"] == "search_loss"]
        if self.candidate + 1 < len(self.candidates):
            self._next_candidate()
            return
        self.network.load_state_dict(self.best.weights)
        self.optimiser = NesterovSGD(self.network, self.protocol, self.arm.weight_decay_on_t)
        with torch.no_grad():
            self.optimiser.lone_logit.fill_(self.best.lone_logit)
        chosen = {"epoch": self.epoch, "metric": "t_init", "value": self.best.t_init, "n": len(self.candidates)}
        self.rows = [*self.best.rows, *searched, chosen]
        self.searching, self.best = False, Best()

    def _write(self, metric: str, value: float, n: int, **more: str) -> None:
        self.rows.append({"epoch": self.epoch + 1, "metric": metric, "value": value, "n": n, **more})

    def check(self, loss: float | None = None) -> None:
        """Stop if a loss was not finite.

        Raises:
            UserError: If so; it names the epoch.
        """
        value = float(self.loss_sum) if loss is None else loss
        # A finite loss can have an infinite gradient, which makes weights or batch statistics useless as well.
        whole = torch.stack([part.isfinite().all() for part in self.network.state_dict().values()]).all()
        if not (math.isfinite(value) and bool(whole)):
            raise UserError(
                f"the loss or a weight was not finite in epoch {self.epoch + 1} of {self.epochs}; "
                "the last good state is kept; "
                "lower studies.fine_tune.learning_rate or set run.precision to fp32, and run again"
            )

    def note(self) -> str:
        """Return the epoch and the last test accuracy, for the progress line."""
        seen = [row["value"] for row in self.rows if row["metric"] == "accuracy"]
        return f"epoch {self.epoch + 1}/{self.epochs}" + (f", accuracy {seen[-1]:.1f} %" if seen else "")

    def facts(self) -> dict[str, Any]:
        """Return the plain values of the state."""
        return {**{name: getattr(self, name) for name in PLAIN}, "best": self.best.facts()}

    def tensors(self) -> dict[str, Tensor]:
        """Return everything that determines later steps."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"optimiser.{name}": value for name, value in self.optimiser.tensors().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.weights.items()}
        for name, sampler in self.samplers.items():
            tensors |= {f"sampler.{name}.{key}": value for key, value in sampler.state().items()}
        tensors |= {f"draws.{name}": source.get_state() for name, source in self.draws.items()}
        tensors |= {"targets": self.targets, "loss_sum": self.loss_sum, "dropout": torch.get_rng_state()}
        if self.placement.device.type == "cuda":
            tensors["dropout_cuda"] = torch.cuda.get_rng_state(self.placement.device)
        return tensors

    def load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Restore the results of `tensors` and `facts`."""

        def part(prefix: str) -> dict[str, Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        device = self.placement.device
        for name in PLAIN:
            setattr(self, name, facts[name])
        self.best = Best.of(facts["best"], {name: value.to(device) for name, value in part("best.").items()})
        self.network.load_state_dict(part("network."))
        self.optimiser.load(part("optimiser."))
        for name, sampler in self.samplers.items():
            sampler.load_state(part(f"sampler.{name}."))
        for name, source in self.draws.items():
            source.set_state(tensors[f"draws.{name}"])
        self.targets, self.loss_sum = tensors["targets"].to(device), tensors["loss_sum"].to(device)
        torch.set_rng_state(tensors["dropout"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(tensors["dropout_cuda"], device)
        self._begin_graph()
