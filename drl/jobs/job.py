"""One job as its code sees it: what it is about, its settings, its files, and where it may compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from drl.config.base import Settings
from drl.config.datasets import MOST_PIXELS
from drl.errors import UserError

S = TypeVar("S", bound=Settings, covariant=True)


@dataclass(frozen=True)
class Origin:
    """Where the original files of a dataset lie (None: where its source puts them), and whether it may download."""

    folder: str | None = None
    download: bool = True


@dataclass(frozen=True)
class Resources:
    """Where to compute, and how to survive interruption. On one kind of device, results differ by rounding at most.

    Attributes:
        device: auto, cpu or cuda.
        precision: auto, fp32 or bf16.
        compile: auto, on or off.
        deterministic: Whether a GPU uses only operations that give the same result each time.
        threads: CPU threads; None leaves torch's own choice.
        save_minutes: How often an unfinished job saves its state.
        wall_clock_minutes: When a job that keeps a state saves and stops; None: never.
        sampling_batch: Images that are sampled at once; None: drl.evaluation.sampling's choice.
        inception_weights: A file of Inception's weights, in place of the download.
        image_pixels: Pixels that an image in a folder may have.
        origin: Where the original files of a dataset lie, for `drl prepare`.
    """

    device: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    deterministic: bool = False
    threads: int | None = None
    save_minutes: float = 5.0
    wall_clock_minutes: float | None = None
    sampling_batch: int | None = None
    inception_weights: str | None = None
    image_pixels: int = MOST_PIXELS
    origin: Origin = Origin()


@dataclass(frozen=True)
class Job(Generic[S]):
    """One job of a study.

    Attributes:
        study: Its name, which the run card gives as the command.
        about: Scale, dataset, recipe, seed and so on: the cells that all rows of the metrics share.
        settings: All that decides the result besides inputs and code.
        code_digest: Of the code that the job runs.
        inputs: Files by name: images, model, snapshots, probes, samples, extractor, start, metrics.
        out: The first output, after which the run card is named; the others lie beside it.
        states: Folder of the states of unfinished jobs.
        resources: Where to compute.
    """

    study: str
    about: Mapping[str, str | int]
    settings: S
    code_digest: str
    inputs: Mapping[str, tuple[Path, ...]]
    out: Path
    states: Path = Path("results/.state")
    resources: Resources = Resources()

    @property
    def title(self) -> str:
        """What the job is called in messages: `probe drl on digits, seed 0`."""
        about = dict(self.about)
        what = about.get("arm") or about.get("recipe") or ""
        words = f"{self.study.replace('_', '-')} {what}".strip()
        words += f" on {about['dataset']}" if "dataset" in about else ""
        more = [f"{about['labels']} labels"] if "labels" in about else []
        more += [f"{name} {about[name]}" for name in ("split", "seed") if name in about]
        return ", ".join([words, *more])

    def input(self, name: str) -> Path:
        """Return the only input of a name.

        Raises:
            UserError: If the job has none, or several.
        """
        found = self.inputs.get(name, ())
        if len(found) != 1:
            raise UserError(f"{self.title}: needs one file as {name}, and has {len(found)}")
        return found[0]
