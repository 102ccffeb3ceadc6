"""The scalars of a training in TensorBoard's format, for whoever wants to watch them (`run.tensorboard`).

The code of trainings knows nothing of this. While a job runs, a subclass takes the place of `Training`: it reads what a
training computes anyway, and changes nothing. So the same code makes the same files with and without it, and the
digests that decide about reruns do not depend on it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drl.errors import UserError, clean

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.tensorboard import SummaryWriter

    from drl.config.schema import RunSettings
    from drl.training.loop import Training

REMEDY = "pip install 'drl[tensorboard]', or set run.tensorboard: false"


def check_installed(run: RunSettings) -> None:
    """Check that TensorBoard's package is there, if `run.tensorboard` is true.

    Raises:
        UserError: If it is not.
    """
    if run.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise UserError(f"run.tensorboard: needs the package tensorboard, which is not installed; {REMEDY}")


@contextmanager
def tensorboard(folder: Path) -> Iterator[None]:
    """Write the scalars of the trainings that begin in the block.

    Args:
        folder: Where the event files are put. Those of earlier processes stay, and TensorBoard reads all of them.

    Raises:
        UserError: If the package tensorboard is missing, or cannot be imported.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(f"run.tensorboard: cannot import tensorboard ({clean(error, 160)}); {REMEDY}") from error
    pretrain: Any = importlib.import_module("drl.training.pretrain")
    original, opened = pretrain.Training, list[SummaryWriter]()

    def writer(step: int) -> SummaryWriter:
        # What an earlier process wrote of this step or a later one, TensorBoard then leaves out.
        opened.append(SummaryWriter(str(folder), purge_step=step))
        return opened[-1]

    pretrain.Training = _watched(original, writer)
    try:
        yield
    finally:
        pretrain.Training = original
        for one in opened:
            one.close()


def _watched(original: type[Training], writer: Any) -> type[Training]:
    """Return a training that also hands its scalars to a writer, which is made at the first of them."""
    import torch

    class Watched(original):  # type: ignore[misc, valid-type]
        """A training whose scalars are written."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.norms, self.counted = torch.zeros((), device=self.placement.device), 0
            self.writer: SummaryWriter | None = None
            self.restored = 0
            step = self.optimiser.step

            def kept(rate: float | Tensor) -> Tensor:
                norm: Tensor = step(rate)
                # In place and on the device, so that it may be part of a CUDA graph and makes no GPU wait.
                self.norms += norm
                return norm

            self.optimiser.step = kept

        def load(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
            """Restore a state; its scalars are in the files of the process that saved it."""
            super().load(tensors, facts)
            self.restored = self.step

        def log(self) -> None:
            """Write the rows that are new, with the rate of the last step and the mean norm since the last rows."""
            before = len(self.rows)
            self.counted += 1
            super().log()
            fresh = self.rows[before:]
            if not fresh:
                return
            if self.writer is None:
                self.writer = writer(self.restored + 1 if self.restored else 0)
            for row in fresh:
                tag = f"{row['metric']}/t={row['t']}" if "t" in row else row["metric"]
                self.writer.add_scalar(tag, row["value"], row["step"])
            if any("t" not in row for row in fresh):
                self.writer.add_scalar("learning_rate", self.optimiser.rate_of(self.step - 1), self.step)
                self.writer.add_scalar("gradient_norm", float(self.norms) / self.counted, self.step)
                self.norms.zero_()
                self.counted = 0
            self.writer.flush()

    return Watched
